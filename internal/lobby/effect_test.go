package lobby

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/consul"
)

// elsewhere is a World of tests: lobbies by id, with what they answer to Reserve.
type elsewhere struct {
	rules   consul.Rules
	lobbies []Summary
	where   map[int64]int64
	taken   map[string]error
	done    []any
}

func (w *elsewhere) Rules(context.Context) consul.Rules { return w.rules }
func (w *elsewhere) Summon(_ context.Context, user, lobby int64) {
	w.done = append(w.done, [2]int64{user, lobby})
}
func (w *elsewhere) Where(user int64) int64 { return w.where[user] }
func (w *elsewhere) Lobbies() []Summary     { return w.lobbies }
func (w *elsewhere) Call(_ context.Context, key registry.Key, body any) (any, error) {
	w.done = append(w.done, key.ID, body)
	return nil, w.taken[key.ID]
}
func (w *elsewhere) Observe(_ context.Context, o Observation) { w.done = append(w.done, o) }
func (w *elsewhere) Stumbled(lobby int64, err, _ string)      { w.done = append(w.done, lobby, err) }

func TestEffects(t *testing.T) {
	t.Parallel()
	open := func(id int64, change func(s *Summary)) Summary {
		s := Summary{Info: Info{ID: id, EngineVersion: "105"}}
		if change != nil {
			change(&s)
		}
		return s
	}
	others := []Summary{
		open(3, nil),
		open(4, func(s *Summary) { s.Seats = []Seat{{Who: Who{User: 7}}} }),
		open(5, func(s *Summary) { s.Info.EngineVersion = "104" }),
		open(6, func(s *Summary) { s.Info.Passworded = true }),
		open(7, func(s *Summary) { s.Info.Locked = true }),
	}
	seek := consul.Seek{Split: 2, Starter: 9, Stays: true, Engine: "105", Seed: 1}
	gone := seek
	gone.Stays = false
	for name, tc := range map[string]struct {
		effect any
		world  elsewhere
		next   any
		done   []any
	}{
		"rules are as they were": {effect: readRules{Have: consul.DefaultRules()}, world: elsewhere{rules: consul.DefaultRules()}},
		"new rules":              {effect: readRules{}, world: elsewhere{rules: consul.DefaultRules()}, next: consul.DefaultRules()},
		"summon":                 {effect: consul.Summon{User: 5, Lobby: 3}, done: []any{[2]int64{5, 3}}},
		"observe":                {effect: Observation{Name: "x"}, done: []any{Observation{Name: "x"}}},
		"stumble":                {effect: stumble{Lobby: 3, Err: "x"}, done: []any{int64(3), "x"}},
		"split, no empty lobby":  {effect: seek, world: elsewhere{lobbies: others}, next: consul.SplitTo{Split: 2}},
		"split, one": {
			effect: seek, world: elsewhere{lobbies: append([]Summary{open(8, nil)}, others...), where: map[int64]int64{9: 44}},
			next: consul.SplitTo{Split: 2, Lobby: 8}, done: []any{"8", Reserve{For: 3}},
		},
		"split, the first is taken": {
			effect: seek, world: elsewhere{lobbies: []Summary{open(8, nil), open(10, nil)}, taken: map[string]error{"8": errNot}},
			next: consul.SplitTo{Split: 2, Lobby: 10}, done: []any{"8", Reserve{For: 3}, "10", Reserve{For: 3}},
		},
		"split, after the starter":     {effect: gone, world: elsewhere{lobbies: others, where: map[int64]int64{9: 44}}, next: consul.SplitTo{Split: 2, Lobby: 44}},
		"split, the starter went home": {effect: gone, world: elsewhere{lobbies: []Summary{open(8, nil)}}, next: consul.SplitTo{Split: 2, Lobby: 8}, done: []any{"8", Reserve{For: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := NewKind(&matches{}, &tc.world).Do(t.Context(), registry.NewKey(Kind, 3), tc.effect)
			if diff := cmp.Diff(tc.next, got); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
			want := tc.done
			if name == "split, the first is taken" && len(tc.world.done) == 2 { // by lot
				want = want[2:]
			}
			if diff := cmp.Diff(want, tc.world.done); diff != "" {
				t.Errorf("done (-want +got):\n%s", diff)
			}
		})
	}
	if next := NewKind(&matches{}, nil).Do(t.Context(), registry.NewKey(Kind, 3), readRules{}); next != nil {
		t.Errorf("without a world: %v", next)
	}
}
