// Package passwordpage is the page on which users set a forgotten password anew: they give
// their address, get a link by mail, and type a password behind it.
//
// It tells nobody whether an address is known, needs no script, and is served by any node.
package passwordpage

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
)

// Accounts is what the page asks.
type Accounts interface {
	RequestReset(ctx context.Context, email, ip string) error
	ResetValid(ctx context.Context, value string) (bool, error)
	ResetPassword(ctx context.Context, value, typed string, act *account.Act) error
}

// Options of the page.
type Options struct {
	Accounts Accounts
	// Name is that of the site.
	Name func(ctx context.Context) string
	// Action is what the audit log calls it when a user has set the password; empty: it is
	// told nothing.
	Action string
	// Proxies are, besides this machine, who says by X-Real-IP for whom it asks.
	Proxies []netip.Prefix
	Log     *slog.Logger
}

// maxForm bounds what is read of a form.
const maxForm = 8 << 10

// The texts of the page.
const (
	textSent  = "If there is an account with this address, a link is on its way."
	textDone  = "Your password is set. Log in with your lobby client."
	textLink  = "This link is not valid, or not any more. You can ask for another one."
	textTwice = "The two passwords are not the same."
	textLater = "This did not work. Please try again in a minute."
)

type page struct {
	Site, Message string
	Ask, Set      bool   // which form is shown
	Action        string // where it goes
}

var view = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Site}} - Password reset</title></head><body>
<h1>{{.Site}} - Password reset</h1>
{{with .Message}}<p role="status">{{.}}</p>{{end}}
{{if .Ask}}<form method="post" action="{{.Action}}">
<p><label>E-mail address <input name="email" type="email" autocomplete="email" required></label></p>
<p hidden><label>Leave this empty <input name="email2" tabindex="-1" autocomplete="off"></label></p>
<p><button>Send me a link</button></p></form>{{end}}
{{if .Set}}<form method="post" action="{{.Action}}">
<p><label>New password <input name="password" type="password" autocomplete="new-password" minlength="6" required></label></p>
<p><label>The same again <input name="password2" type="password" autocomplete="new-password" minlength="6" required></label></p>
<p><button>Set the password</button></p></form>{{end}}
</body></html>
`))

// New returns the page; it is served under account.ResetPath.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+account.ResetPath, o.ask)
	mux.HandleFunc("POST "+account.ResetPath, o.asked)
	mux.HandleFunc("GET "+account.ResetPath+"/{value}", o.form)
	mux.HandleFunc("POST "+account.ResetPath+"/{value}", o.set)
	return mux
}

func (o Options) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	p.Site = o.Name(r.Context())
	if p.Ask {
		p.Action = account.ResetPath
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the address of the page is the secret
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = view.Execute(w, p) // the peer may be gone
}

func (o Options) ask(w http.ResponseWriter, r *http.Request) {
	o.show(w, r, http.StatusOK, page{Ask: true})
}

func (o Options) asked(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	email := strings.TrimSpace(r.PostFormValue("email"))
	if r.PostFormValue("email2") != "" || email == "" { // a program fills in every field
		o.show(w, r, http.StatusOK, page{Message: textSent})
		return
	}
	err := o.Accounts.RequestReset(r.Context(), email, o.address(r))
	if err != nil {
		o.failed(w, r, err, page{Ask: true})
		return
	}
	o.show(w, r, http.StatusOK, page{Message: textSent})
}

func (o Options) form(w http.ResponseWriter, r *http.Request) {
	valid, err := o.Accounts.ResetValid(r.Context(), r.PathValue("value"))
	switch {
	case err != nil:
		o.failed(w, r, err, page{})
	case !valid:
		o.show(w, r, http.StatusNotFound, page{Message: textLink, Ask: true})
	default:
		o.show(w, r, http.StatusOK, page{Set: true, Action: r.URL.EscapedPath()})
	}
}

func (o Options) set(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	again := page{Set: true, Action: r.URL.EscapedPath()}
	typed := r.PostFormValue("password")
	if typed != r.PostFormValue("password2") {
		again.Message = textTwice
		o.show(w, r, http.StatusBadRequest, again)
		return
	}
	var act *account.Act
	if o.Action != "" {
		act = &account.Act{Action: o.Action, Details: map[string]any{"notes": "Self reset", "ip": o.address(r)}}
	}
	err := o.Accounts.ResetPassword(r.Context(), r.PathValue("value"), typed, act)
	if refusal.Is(err, refusal.NotFound) {
		o.show(w, r, http.StatusNotFound, page{Message: textLink, Ask: true})
		return
	}
	if err != nil {
		o.failed(w, r, err, again)
		return
	}
	o.show(w, r, http.StatusOK, page{Message: textDone})
}

// failed shows a refusal, or that something is wrong with us.
func (o Options) failed(w http.ResponseWriter, r *http.Request, err error, p page) {
	no, refused := refusal.As(err)
	switch {
	case refused && no.Code == refusal.Flood:
		p.Message = textLater
		o.show(w, r, http.StatusTooManyRequests, p)
	case refused && no.Code == refusal.Invalid:
		p.Message = no.Message
		o.show(w, r, http.StatusBadRequest, p)
	default:
		if !errors.Is(err, context.Canceled) {
			o.Log.Warn("password not reset", "err", err)
		}
		p.Message = textLater
		o.show(w, r, http.StatusServiceUnavailable, p)
	}
}

// address is where somebody asks from. A proxy says for whom it asks.
func (o Options) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && o.relays(ip) {
		if real, err := netip.ParseAddr(r.Header.Get("X-Real-IP")); err == nil {
			return real.String()
		}
	}
	return host
}

func (o Options) relays(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	return ip.IsLoopback() || slices.ContainsFunc(o.Proxies, func(n netip.Prefix) bool { return n.Contains(ip) })
}
