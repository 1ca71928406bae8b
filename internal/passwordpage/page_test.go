package passwordpage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
)

// desk knows one link.
type desk struct {
	asked []string
	fail  error
	set   string
	acts  []account.Act
}

func (d *desk) RequestReset(_ context.Context, email, ip string) error {
	d.asked = append(d.asked, email+" from "+ip)
	return d.fail
}

func (d *desk) ResetValid(_ context.Context, value string) (bool, error) {
	return value == "good" && d.set == "", d.fail
}

func (d *desk) ResetPassword(_ context.Context, value, typed string, act *account.Act) error {
	switch {
	case d.fail != nil:
		return d.fail
	case value != "good" || d.set != "":
		return refusal.New(refusal.NotFound, "gone")
	case len(typed) < 6:
		return refusal.New(refusal.Invalid, "The new password is too short")
	}
	d.set, d.acts = typed, append(d.acts, *act)
	return nil
}

func TestPage(t *testing.T) {
	t.Parallel()
	d := &desk{}
	h := New(Options{
		Accounts: d, Name: func(context.Context) string { return "A <site>" }, Action: "reset",
	})
	for _, tc := range []struct {
		what, path string
		form       url.Values // nil: GET
		fail       error
		status     int
		has, not   string
	}{
		{"form", "/password_reset", nil, nil, 200, `name="email"`, "<site>"},
		{"sent", "/password_reset", url.Values{"email": {"a@b.c"}}, nil, 200, textSent, "a@b.c"},
		{"a program", "/password_reset", url.Values{"email": {"x@b.c"}, "email2": {"y"}}, nil, 200, textSent, ""},
		{"too often", "/password_reset", url.Values{"email": {"a@b.c"}}, refusal.New(refusal.Flood, "x"), 429, textLater, ""},
		{"away", "/password_reset", url.Values{"email": {"a@b.c"}}, errors.New("secret words"), 503, textLater, "secret words"},
		{"bad link", "/password_reset/bad", nil, nil, 404, "not valid", `name="password"`},
		{"good link", "/password_reset/good", nil, nil, 200, `action="/password_reset/good"`, ""},
		{"not the same", "/password_reset/good", url.Values{"password": {"secret1"}, "password2": {"secret2"}}, nil, 400, textTwice, "secret1"},
		{"short", "/password_reset/good", url.Values{"password": {"s"}, "password2": {"s"}}, nil, 400, "too short", ""},
		{"set", "/password_reset/good", url.Values{"password": {"secret1"}, "password2": {"secret1"}}, nil, 200, textDone, "secret1"},
		{"twice", "/password_reset/good", url.Values{"password": {"secret3"}, "password2": {"secret3"}}, nil, 404, "not valid", ""},
	} {
		d.fail = tc.fail
		r := httptest.NewRequest(http.MethodGet, tc.path, nil)
		if tc.form != nil {
			r = httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader(tc.form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Result().Body)
		if w.Code != tc.status || !strings.Contains(string(body), tc.has) || tc.not != "" && strings.Contains(string(body), tc.not) {
			t.Errorf("%s: %d\n%s", tc.what, w.Code, body)
		}
		if w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", tc.what, w.Header())
		}
	}
	if diff := cmp.Diff([]string{"a@b.c from 192.0.2.1", "a@b.c from 192.0.2.1", "a@b.c from 192.0.2.1"}, d.asked); diff != "" {
		t.Error(diff)
	}
	act := account.Act{Action: "reset", Details: map[string]any{"notes": "Self reset", "ip": "192.0.2.1"}}
	if diff := cmp.Diff([]account.Act{act}, d.acts); diff != "" || d.set != "secret1" {
		t.Errorf("%q set:\n%s", d.set, diff)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	o := Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for _, tc := range []struct{ peer, header, want string }{
		{"203.0.113.7:1", "198.51.100.1", "203.0.113.7"},
		{"127.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:1", "nonsense", "127.0.0.1"},
		{"[::1]:1", "", "::1"},
		{"10.1.2.3:1", "198.51.100.1", "198.51.100.1"},
		{"10.2.2.3:1", "198.51.100.1", "10.2.2.3"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		r.Header.Set("X-Real-IP", tc.header)
		if got := o.address(r); got != tc.want {
			t.Errorf("%s %q: %s", tc.peer, tc.header, got)
		}
	}
}
