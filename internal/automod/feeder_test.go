package automod

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/moderation"
)

// node is what a Feeder works with.
type node struct {
	mu       sync.Mutex
	cast     []Seen
	takeover func(cluster.Key)
	kept     []string
	fails    int
}

func (n *node) Cast(key cluster.Key, command any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if key == Key {
		n.cast = append(n.cast, command.(Seen))
	}
}

func (n *node) OnTakeover(_ string, f func(cluster.Key)) { n.takeover = f }

func (n *node) keep(_ context.Context, keys []moderation.Key) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails > 0 {
		n.fails--
		return errors.New("away")
	}
	for _, k := range keys {
		n.kept = append(n.kept, k.Kind+" "+k.Value)
	}
	return nil
}

func (n *node) take() (seen []Seen, kept []string) {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	seen, kept = n.cast, n.kept
	n.cast, n.kept = nil, nil
	return seen, kept
}

func feeding(t *testing.T, test func(t *testing.T, f *Feeder, n *node)) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{}
		f := NewFeeder(Options{
			Runtime: n, Keep: n.keep, Delay: func(context.Context) time.Duration { return 2 * time.Minute }, Now: time.Now,
			Stats: func(_ context.Context, user int64) (map[string]string, error) {
				if user == 9 {
					return nil, errors.New("away")
				}
				return map[string]string{"hardware:cpuinfo": "AMD", "hardware:displaymax": "4k"}, nil
			},
			Log: slog.New(slog.DiscardHandler),
		})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { f.Run(ctx) })
		synctest.Wait()
		test(t, f, n)
		stop()
		all.Wait()
	})
}

// TestFeeder: keys are kept before their owner is told of, many in one message.
func TestFeeder(t *testing.T) {
	feeding(t, func(t *testing.T, f *Feeder, n *node) {
		f.LoggedIn(7, "192.0.2.1", "1 2")
		begun := time.Now()
		seen, kept := n.take()
		if diff := cmp.Diff([]Seen{{[]Login{{7, begun.Add(2 * time.Minute)}}}}, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(kept) != 2 || kept[0] != "ip "+digest("192.0.2.1") || kept[1] != "client_app_hash 1 2" {
			t.Errorf("kept %q", kept)
		}
		f.LoggedIn(8, "", "0 0")
		f.LoggedIn(10, "", "")
		f.Property(8, "hardware:macAddrHash", "mac")
		f.Property(8, "hardware:sysInfoHash", "sys")
		f.Property(8, "hardware:cpuinfo", "AMD")
		f.Property(0, "hardware:macAddrHash", "of a stranger")
		f.Property(8, "hardware:macAddrHash", "0")
		if err := f.Hardware(t.Context(), 8); err != nil {
			t.Error(err)
		}
		if err := f.Hardware(t.Context(), 9); err == nil {
			t.Error("hardware that could not be read")
		}
		<-time.After(feedEvery)
		now := time.Now()
		seen, kept = n.take()
		want := []Seen{{[]Login{{8, now.Add(2 * time.Minute)}, {10, now.Add(2 * time.Minute)}, {8, now}, {8, now}, {8, now}}}}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(kept) != 6 || kept[0] != "chobby_mac_hash mac" || kept[1] != "chobby_sysinfo_hash sys" || kept[2][:4] != "hw1 " || kept[5][:4] != "hw4 " {
			t.Errorf("kept %q", kept)
		}
	})
}

// TestRepeat: a new owner of the process is told what may not have been checked yet.
func TestRepeat(t *testing.T) {
	feeding(t, func(t *testing.T, f *Feeder, n *node) {
		f.LoggedIn(7, "", "1")
		<-time.After(time.Minute)
		f.LoggedIn(8, "", "1")
		first, _ := n.take()
		n.takeover(Key)
		again, _ := n.take()
		if len(first) != 2 || len(again) != 1 || len(again[0].Logins) != 2 {
			t.Errorf("told %v, then %v", first, again)
		}
		<-time.After(time.Minute + repeated + time.Second)
		n.takeover(Key)
		if again, _ = n.take(); len(again) != 1 || len(again[0].Logins) != 1 || again[0].Logins[0].User != 8 {
			t.Errorf("later: %v", again)
		}
	})
}

// TestKeysLater: keys wait for the database, and their owners do not.
func TestKeysLater(t *testing.T) {
	feeding(t, func(t *testing.T, f *Feeder, n *node) {
		n.fails = 2
		f.LoggedIn(7, "", "1")
		if seen, kept := n.take(); len(seen) != 1 || len(kept) != 0 {
			t.Errorf("told %v, kept %v", seen, kept)
		}
		<-time.After(3 * feedEvery)
		if seen, kept := n.take(); len(seen) != 0 || len(kept) != 1 {
			t.Errorf("later: told %v, kept %v", seen, kept)
		}
	})
}
