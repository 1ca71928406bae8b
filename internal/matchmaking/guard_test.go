package matchmaking

import (
	"context"
	"log/slog"
	"testing"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/guard"
	"teiserver/internal/setting"
)

// TestPanicsSideBySide: what panics on a goroutine of an effect ends in the effect, where
// its process catches it, when the others have been asked.
func TestPanicsSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.site.Queues = []setting.Queue{{ID: 1}, {ID: 2}, {ID: 3}}
	asked := make(chan string, 3)
	w.reply = func(key registry.Key, _ any) (any, error) {
		asked <- key.ID
		if key.ID == "2" {
			panic("a bug in a call")
		}
		return nil, nil
	}
	g := guard.New(slog.New(slog.DiscardHandler))
	if g.Do("effect", func() { others(context.Background(), w, 1, Hold{}) }) || g.Caught.Load() != 1 {
		t.Errorf("caught %d panics, want one", g.Caught.Load())
	}
	if len(asked) != 2 {
		t.Errorf("%d queues were asked, want both others", len(asked))
	}
}

// TestPanicInTheDirectory: of a list over one entry of which somebody panics, the others are
// taken.
func TestPanicInTheDirectory(t *testing.T) {
	t.Parallel()
	d := newDirectory(func(users []int64) {
		for _, user := range users {
			if user == 7 {
				panic("a bug in who is told")
			}
		}
	})
	node := bus.Origin{Node: "a", Incarnation: 3}
	entry := func(id string, user int64) process.Indexed {
		return process.Indexed{ID: id, Epoch: 1, Summary: MatchView{ID: id, Users: []int64{user}}}
	}
	view := process.IndexView{Entries: []process.Indexed{entry("x", 7), entry("y", 8)}}
	g := guard.New(slog.New(slog.DiscardHandler))
	g.Do("follower", func() { follower{d, followed{KindMatch, node}}.Reset(feed.Version{Epoch: 3}, view) })
	if v, _ := d.Match("y"); v == nil || g.Caught.Load() != 1 {
		t.Errorf("the entry behind is %v, caught %d", v, g.Caught.Load())
	}
}
