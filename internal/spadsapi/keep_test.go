package spadsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/match"
)

// shelf is a store of reports that is away for a while.
type shelf struct {
	mu    sync.Mutex
	away  bool
	ill   int64 // the report of this match is never stored
	none  int64 // there is no such match
	saved []int64
}

func (s *shelf) SaveEnd(_ context.Context, e match.End) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away || e.Match == s.ill {
		return false, errors.New("away")
	}
	s.saved = append(s.saved, e.Match)
	return e.Match != s.none, nil
}

func (s *shelf) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// reporting runs a test with a shelf and the API before it.
func reporting(t *testing.T, test func(s *shelf, post func(game int64) (int, string), stop func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{ill: -1, none: 404}
		a := New(Options{
			Check: func(context.Context, string, string, string) (*account.User, error) {
				return &account.User{ID: 100}, nil
			},
			SaveEnd: s.SaveEnd,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { a.Run(ctx) })
		stop := func() { cancel(); all.Wait() }
		defer stop()
		test(s, func(game int64) (int, string) {
			form := url.Values{"data": {pack(t, fmt.Sprintf(`{"battleContext":{"scriptTags":{"game/server_match_id":"%d"}}}`, game))}}
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/teiserver/api/spads/end_game_data", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("Host", "secret")
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}, stop)
	})
}

// TestEndGameDataInAnOutage: {} is said of what is stored; what is not yet is kept until
// it is, once however often the host sends it.
func TestEndGameDataInAnOutage(t *testing.T) {
	reporting(t, func(s *shelf, post func(game int64) (int, string), _ func()) {
		s.set(true)
		for _, game := range []int64{17, 18, 17} {
			if status, body := post(game); status != 503 || !strings.Contains(body, `"error"`) {
				t.Errorf("while the store is away: %d %s", status, body)
			}
		}
		<-time.After(10 * time.Minute)
		s.set(false)
		<-time.After(time.Minute)
		synctest.Wait()
		slices.Sort(s.saved)
		if !slices.Equal(s.saved, []int64{17, 18}) {
			t.Errorf("stored: %v", s.saved)
		}
		if status, body := post(404); status != 200 || body != "{}" {
			t.Errorf("without a match: %d %s", status, body)
		}
		// A store that is back in time is not noticed.
		s.set(true)
		time.AfterFunc(time.Second, func() { s.set(false) })
		if status, body := post(19); status != 200 || body != "{}" {
			t.Errorf("a second later: %d %s", status, body)
		}
	})
}

// TestEndGameDataGivenUp: a report that is never stored holds up no other, and is given up.
func TestEndGameDataGivenUp(t *testing.T) {
	reporting(t, func(s *shelf, post func(game int64) (int, string), stop func()) {
		s.ill = 17
		s.set(true)
		for _, game := range []int64{17, 18} {
			if status, _ := post(game); status != 503 {
				t.Errorf("status %d", status)
			}
		}
		s.set(false)
		<-time.After(keptFor + 2*mostPause)
		synctest.Wait()
		s.ill = -1
		<-time.After(time.Minute)
		synctest.Wait()
		if !slices.Equal(s.saved, []int64{18}) {
			t.Errorf("stored: %v", s.saved)
		}
		// The end of the node is its last chance.
		s.set(true)
		if status, _ := post(20); status != 503 {
			t.Errorf("status %d", status)
		}
		s.set(false)
		stop()
		if !slices.Contains(s.saved, 20) {
			t.Errorf("stored: %v", s.saved)
		}
	})
}

// TestKeeperIsBounded: in number, and in bytes.
func TestKeeperIsBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data json.RawMessage
		want int
	}{
		"number": {json.RawMessage("{}"), mostKept},
		"bytes":  {json.RawMessage(strings.Repeat(" ", 1<<20)), mostKeptBytes >> 20},
	} {
		k := newKeeper(nil, slog.New(slog.DiscardHandler))
		n := int64(0)
		for ; ; n++ {
			if _, err := k.keep(match.End{Match: n + 1, By: 1, Data: tc.data}); err != nil {
				break
			}
		}
		if int(n) != tc.want {
			t.Errorf("%s: %d are kept, want %d", name, n, tc.want)
		}
		k.remove(k.first())
		if _, err := k.keep(match.End{Match: n + 1, By: 1, Data: tc.data}); err != nil {
			t.Errorf("%s: %v after one is stored", name, err)
		}
	}
}
