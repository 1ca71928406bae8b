package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/setting"
)

func testSequence(t *testing.T, s Store) {
	for _, tc := range []struct {
		name  string
		n     int
		first int64
	}{{"a", 10, 1}, {"a", 1, 11}, {"b", 5, 1}, {"a", 3, 12}} {
		first, err := s.Reserve(t.Context(), tc.name, tc.n)
		must(t, err)
		if first != tc.first {
			t.Errorf("%d of %s begin at %d, want %d", tc.n, tc.name, first, tc.first)
		}
	}
	if _, err := s.Reserve(t.Context(), "a", 0); err == nil {
		t.Error("a block of none was given")
	}
}

// Blocks that are taken at once do not overlap, and none is missing.
func testSequenceBlocks(t *testing.T, s Store) {
	const takers, each, size = 32, 5, 7
	var mu sync.Mutex
	var firsts []int64
	together(takers, func(int) {
		for range each {
			first, err := s.Reserve(background(), "a", size)
			if err != nil {
				t.Errorf("reserve: %v", err)
			}
			mu.Lock()
			firsts = append(firsts, first)
			mu.Unlock()
		}
	})
	slices.Sort(firsts)
	for i, first := range firsts {
		if first != int64(i*size+1) {
			t.Fatalf("block %d begins at %d", i, first)
		}
	}
}

func testChanges(t *testing.T, s Store) {
	last, err := s.LastChange(t.Context())
	must(t, err)
	if last != 0 {
		t.Errorf("last change of a new store: %d", last)
	}
	var want []cache.Change
	for i := range 5 {
		changed, err := s.PutSetting(t.Context(), fmt.Sprint("key", i), "v", false)
		must(t, err)
		want = append(want, changed...)
	}
	got, err := s.Changes(t.Context(), 0, 100)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = s.Changes(t.Context(), want[1].Version, 2)
	must(t, err)
	if diff := cmp.Diff(want[2:4], got); diff != "" {
		t.Error(diff)
	}
	// Trimming leaves the newest, so that the last version never falls.
	must(t, s.TrimChanges(t.Context(), time.Hour.Milliseconds()))
	if got, err := s.Changes(t.Context(), 0, 100); len(got) != 5 || err != nil {
		t.Errorf("after trimming what is older than an hour: %v, %v", got, err)
	}
	must(t, s.TrimChanges(t.Context(), -time.Hour.Milliseconds()))
	got, err = s.Changes(t.Context(), 0, 100)
	must(t, err)
	if diff := cmp.Diff(want[4:], got); diff != "" {
		t.Error(diff)
	}
	last, err = s.LastChange(t.Context())
	must(t, err)
	if last != want[4].Version {
		t.Errorf("last change %d, want %d", last, want[4].Version)
	}
}

func testSettings(t *testing.T, s Store) {
	if _, ok, err := s.Setting(t.Context(), "motd"); ok || err != nil {
		t.Errorf("absent: %v, %v", ok, err)
	}
	put := func(text string, insertOnly bool) []cache.Change {
		t.Helper()
		changed, err := s.PutSetting(t.Context(), "motd", text, insertOnly)
		must(t, err)
		return changed
	}
	first := put("one", true)
	if len(first) != 1 || first[0].Table != setting.Table || first[0].Key != "motd" {
		t.Fatalf("changes: %+v", first)
	}
	if changed := put("two", true); changed != nil {
		t.Errorf("an insert changed what was there: %+v", changed)
	}
	v, ok, err := s.Setting(t.Context(), "motd")
	must(t, err)
	if !ok || v != (setting.Value{Text: "one", Version: first[0].Version}) {
		t.Errorf("setting: %v %+v", ok, v)
	}
	second := put("two", false)
	all, err := s.Settings(t.Context())
	must(t, err)
	if diff := cmp.Diff(map[string]setting.Value{"motd": {Text: "two", Version: second[0].Version}}, all); diff != "" {
		t.Error(diff)
	}
	if second[0].Version <= first[0].Version {
		t.Errorf("version %d after %d", second[0].Version, first[0].Version)
	}
	changed, err := s.DeleteSetting(t.Context(), "motd")
	must(t, err)
	if len(changed) != 1 || changed[0].Version <= second[0].Version {
		t.Errorf("changes of a deletion: %+v", changed)
	}
	if changed, err := s.DeleteSetting(t.Context(), "motd"); changed != nil || err != nil {
		t.Errorf("deleted twice: %+v, %v", changed, err)
	}

	// The version of many writers at once is that of the text that stayed.
	const writers = 16
	var mu sync.Mutex
	texts := map[int64]string{}
	together(writers, func(i int) {
		text := fmt.Sprint("text", i)
		changed, err := s.PutSetting(background(), "race", text, false)
		if err != nil {
			t.Errorf("put: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		texts[changed[0].Version] = text
	})
	v, _, err = s.Setting(t.Context(), "race")
	must(t, err)
	newest := int64(0)
	for version := range texts {
		newest = max(newest, version)
	}
	if v.Version != newest || v.Text != texts[newest] {
		t.Errorf("setting %+v, the newest is %d %q", v, newest, texts[newest])
	}
}

func testSecret(t *testing.T, s Store) {
	const makers = 8
	var mu sync.Mutex
	got := map[string]int{}
	together(makers, func(i int) {
		body, err := s.Secret(background(), "key", func() ([]byte, error) { return fmt.Appendf(nil, "secret %d", i), nil })
		if err != nil {
			t.Errorf("secret: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		got[string(body)]++
	})
	if len(got) != 1 {
		t.Errorf("makers got different secrets: %v", got)
	}
	if _, err := s.Secret(t.Context(), "key", func() ([]byte, error) { return nil, errors.New("made again") }); err != nil {
		t.Errorf("stored secret: %v", err)
	}
	broken := errors.New("broken")
	if _, err := s.Secret(t.Context(), "other", func() ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("secret that cannot be made: %v", err)
	}
}

func testMatches(t *testing.T, s Store) {
	f := fence(claimed(t, s, key(1), joined(t, s, "a")))
	want := match.Match{
		ID: 42, UUID: "5e1a7f", ServerUUID: "77b0", Founder: 7, Lobby: 1,
		Map: "Comet Catcher Redux", Created: time.UnixMilli(1_700_000_000_123).UTC(),
	}
	must(t, s.CreateMatch(t.Context(), f, want))
	f.Writes++
	again := want
	again.Map = "another"
	must(t, s.CreateMatch(t.Context(), f, again))
	got, err := s.MatchByID(t.Context(), 42)
	must(t, err)
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.MatchByID(t.Context(), 43); err == nil {
		t.Error("a match that does not exist was found")
	}
}

// testNewChannel: the write of a channel's owner counts, like every durable write.
func testNewChannel(t *testing.T, s Store) {
	f := fence(claimed(t, s, registry.NewKey("channel", "made"), joined(t, s, "a")))
	want := chat.Channel{Name: "made", Author: 9, AuthorName: "Carol"}
	must(t, s.NewChannel(t.Context(), f, want))
	if got, ok, err := s.FindChannel(t.Context(), "made"); got != want || !ok || err != nil {
		t.Errorf("made: %+v, %v, %v", got, ok, err)
	}
	if err := s.NewChannel(t.Context(), f, chat.Channel{Name: "stale"}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("an old fence: %v", err)
	}
	if _, ok, _ := s.FindChannel(t.Context(), "stale"); ok {
		t.Error("a fenced write has made a channel")
	}
	f.Writes++
	must(t, s.NewChannel(t.Context(), f, chat.Channel{Name: "made", Author: 8}))
	if got, _, _ := s.FindChannel(t.Context(), "made"); got != want {
		t.Errorf("made again: %+v", got)
	}
}

func testChannels(t *testing.T, s Store) {
	if _, ok, err := s.FindChannel(t.Context(), "main"); ok || err != nil {
		t.Errorf("absent: %v, %v", ok, err)
	}
	want := chat.Channel{Name: "main", Author: 7, AuthorName: "Alice"}
	for range 2 {
		got, err := s.Channel(t.Context(), "main", 7, "Alice")
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if got, err := s.Channel(t.Context(), "main", 8, "Bob"); got != want || err != nil {
		t.Errorf("by somebody else: %+v, %v", got, err)
	}
	other, err := s.Channel(t.Context(), "newbies", 8, "Bob")
	must(t, err)
	all, err := s.Channels(t.Context())
	must(t, err)
	if diff := cmp.Diff([]chat.Channel{want, other}, all); diff != "" {
		t.Error(diff)
	}
	testNewChannel(t, s)
	// Of many who make a channel one is its author, for all.
	var mu sync.Mutex
	authors := map[int64]bool{}
	together(8, func(i int) {
		c, err := s.Channel(background(), "race", int64(i+1), "x")
		if err != nil {
			t.Errorf("channel: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		authors[c.Author] = true
	})
	if len(authors) != 1 {
		t.Errorf("authors: %v", authors)
	}
}

// A call whose context has ended does nothing and says so; others go on. Contexts
// that end in the middle of writes leave the store whole.
func testContext(t *testing.T, s Store) {
	node := joined(t, s, "a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Claim(ended, key("ended"), node); !errors.Is(err, context.Canceled) {
		t.Errorf("claim: %v", err)
	}
	if _, err := s.UserByID(ended, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
	together(16, func(i int) {
		for j := range 10 {
			ctx, cancel := context.WithCancel(background())
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				if j%2 == 0 {
					cancel()
				}
			}()
			o, err := s.Claim(ctx, key(fmt.Sprint(i, "-", j)), node)
			if err == nil {
				_, err = s.Save(ctx, []registry.Snapshot{{Fence: fence(o), Body: []byte("state")}})
			}
			<-stop
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("claim and save: %v", err)
			}
		}
	})
	owners, err := s.Owners(t.Context())
	must(t, err)
	if len(owners) < 80 {
		t.Errorf("%d keys are owned, at least 80 claims were not disturbed", len(owners))
	}
	for _, o := range owners {
		got := claimed(t, s, o.Key, node)
		if (got.Writes == 1) != (string(got.Snapshot) == "state") {
			t.Errorf("%s has %d writes and the snapshot %q", o.Key, got.Writes, got.Snapshot)
		}
	}
}
