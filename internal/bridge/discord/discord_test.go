package discord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/bridge"
	"teiserver/internal/bridge/bridgetest"
)

func client(t *testing.T, d *bridgetest.Discord, token string) *Client {
	t.Helper()
	c, err := New(Options{Token: token, API: d.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPost: texts come with their nonce, one nonce counts once, and nobody is rung.
func TestPost(t *testing.T) {
	t.Parallel()
	d := bridgetest.Start(t)
	c := client(t, d, bridgetest.Token)
	for range 2 {
		if err := c.Post(t.Context(), "11", "hello", "n1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"a", "b"} {
		if err := c.Direct(t.Context(), "77", text, "n"+text); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Rename(t.Context(), "31", "Players online: 8"); err != nil {
		t.Fatal(err)
	}
	want := []bridgetest.Post{
		{Channel: "11", Text: "hello", Nonce: "n1", Again: 1, Mentions: `{"parse":[],"replied_user":false}`},
		{Channel: "977", Text: "a", Nonce: "na", Mentions: `{"parse":[],"replied_user":false}`},
		{Channel: "977", Text: "b", Nonce: "nb", Mentions: `{"parse":[],"replied_user":false}`},
	}
	if diff := cmp.Diff(want, d.Posts("")); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
	if got := d.Name("31"); got != "Players online: 8" {
		t.Errorf("named %q", got)
	}
}

// TestErrors: what Discord will never take, what it takes later, and trouble are told
// apart, and the token is in none of it.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		code     int
		header   map[string]string
		body     string
		rejected bool
		busy     time.Duration
	}{
		"gone":      {code: 404, body: `{"message":"Unknown Channel","code":10003}`, rejected: true},
		"forbidden": {code: 403, body: `{"message":"Missing Access","code":50001}`, rejected: true},
		"token":     {code: 401, body: `{"message":"401: Unauthorized","code":0}`},
		"broken":    {code: 500, body: "oops"},
		"gateway":   {code: 502, body: "oops"},
		"limited":   {code: 429, body: `{"message":"limited","retry_after":2.5,"global":false}`, busy: 2500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := bridgetest.Start(t)
			c := client(t, d, bridgetest.Token)
			d.Refuse(func(*http.Request) (int, map[string]string, string) { return tc.code, tc.header, tc.body })
			err := c.Post(t.Context(), "11", "hello", "n")
			busy := (*bridge.Busy)(nil)
			if err == nil || errors.Is(err, bridge.ErrRejected) != tc.rejected || errors.As(err, &busy) != (tc.busy > 0) || busy != nil && busy.After != tc.busy {
				t.Errorf("error %v", err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), bridgetest.Token) {
				t.Errorf("the token is in %v", err)
			}
		})
	}
}

// TestLimits: when Discord says that no more is to come, no more is sent until then, and
// nobody sleeps meanwhile.
func TestLimits(t *testing.T) {
	t.Parallel()
	d := bridgetest.Start(t)
	c := client(t, d, bridgetest.Token)
	asked := 0
	d.Refuse(func(*http.Request) (int, map[string]string, string) {
		asked++
		return 200, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "3600"}, "{}"
	})
	if err := c.Post(t.Context(), "11", "a", "1"); err != nil {
		t.Fatal(err)
	}
	busy := (*bridge.Busy)(nil)
	if err := c.Post(t.Context(), "11", "b", "2"); !errors.As(err, &busy) || busy.After < 59*time.Minute || asked != 1 {
		t.Errorf("error %v, asked %d times", err, asked)
	}
	if err := c.Post(t.Context(), "12", "c", "3"); err != nil || asked != 2 {
		t.Errorf("another channel: %v, asked %d times", err, asked)
	}
}

// TestListen: people are heard, what is ours is not; a connection that ends is told, and
// one that nobody wants ends.
func TestListen(t *testing.T) {
	t.Parallel()
	d := bridgetest.Start(t)
	c := client(t, d, bridgetest.Token)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := make(chan bridge.Came, 10)
	listen := func(ctx context.Context) chan error {
		changed, ended := d.Changed(), make(chan error, 1)
		go func() { ended <- c.Listen(ctx, func(c bridge.Came) { heard <- c }) }()
		for d.Ears() == 0 {
			select {
			case <-changed:
				changed = d.Changed()
			case err := <-ended:
				t.Fatal(err)
			}
		}
		return ended
	}
	ended := listen(ctx)
	d.Say(bridgetest.Said{Channel: "11", Guild: "5", Author: bridgetest.Me, Name: "bridge", Text: "ours"})
	id := d.Say(bridgetest.Said{Channel: "11", Guild: "5", Author: "77", Name: "Zoe", Text: "hello", Files: 1})
	direct := d.Say(bridgetest.Said{Channel: "977", Author: "77", Name: "Zoe", Text: "$discord"})
	for _, want := range []bridge.Came{
		{ID: id, Channel: "11", Author: "77", Name: "Zoe", Text: "hello", Files: true},
		{ID: direct, Channel: "977", Author: "77", Name: "Zoe", Text: "$discord", Direct: true},
	} {
		select {
		case got := <-heard:
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
		case <-ctx.Done():
			t.Fatal("nothing heard")
		}
	}
	d.Hang()
	if err := <-ended; err == nil || ctx.Err() != nil {
		t.Errorf("after the connection was lost: %v", err)
	}
	again, unwanted := context.WithCancel(ctx)
	ended = listen(again)
	unwanted()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("unwanted: %v", err)
	}
	if err := client(t, d, "another").Listen(ctx, nil); err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("with another token: %v", err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"nonsense", "ftp://x", "http://"} {
		if _, err := New(Options{API: api}); err == nil {
			t.Errorf("%q is taken", api)
		}
	}
}
