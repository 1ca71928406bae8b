package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// world is what deeds are done to: lobbies that behave as lobbies do, and rows.
type world struct {
	mu       sync.Mutex
	lobbies  map[int64]*room
	matches  map[int64]*match.Match // that have started
	number   int64
	now      time.Time
	events   map[string]Happened
	messages map[string]match.LobbyMessage
	stats    map[int64]map[string]string
	ends     []match.End
	said     []string
	trouble  func() error // before or after each call
	off      bool
	played   int64 // minutes
}

type room struct {
	founder, match, reported int64
	playing                  bool
	log                      []string
}

func newWorld() *world {
	return &world{
		lobbies: map[int64]*room{}, matches: map[int64]*match.Match{}, number: 5000, now: time.Now(), events: map[string]Happened{},
		messages: map[string]match.LobbyMessage{}, stats: map[int64]map[string]string{}, trouble: func() error { return nil },
	}
}

func (w *world) desk(t testing.TB) *Desk {
	return &Desk{
		Processes: w, Self: func() int64 { return 77 }, Now: func() time.Time { return w.now }, Matches: w, Users: w, Stats: w, Events: w, Teller: w, Coordinator: 1,
		Disconnect: func(_ context.Context, user int64, reason string) error {
			w.said = append(w.said, fmt.Sprint("disconnect ", user, " ", reason))
			return nil
		},
		Settings: w, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func (w *world) Next(context.Context, string) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	return w.number, w.trouble()
}

func (w *world) Call(_ context.Context, key cluster.Key, command any) (reply any, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.trouble(); err != nil {
		return nil, err
	}
	defer func() {
		if late := w.trouble(); late != nil { // it was executed, and nobody knows
			reply, err = nil, late
		}
	}()
	if j, ok := command.(chat.Join); ok {
		w.said = append(w.said, fmt.Sprint("join ", key, " ", j.User, " ", j.Incarnation))
		return chat.Seated{}, nil
	}
	var id int64
	_, _ = fmt.Sscan(key.ID, &id)
	r := w.lobbies[id]
	if r == nil {
		return nil, cluster.ErrNone
	}
	switch c := command.(type) {
	case lobby.StartMatch:
		switch {
		case c.Founder != r.founder:
			return nil, refusal.New(refusal.Forbidden, "not the host")
		case r.playing || c.Report <= r.reported:
			return lobby.MatchState{Again: true}, nil
		}
		r.playing, r.reported = true, c.Report
		r.log = append(r.log, fmt.Sprint("start ", r.match))
		w.matches[r.match] = &match.Match{ID: r.match, Founder: r.founder, Lobby: id, Started: c.At}
		return lobby.MatchState{}, nil
	case lobby.EndMatch:
		switch {
		case c.Founder != r.founder:
			return nil, refusal.New(refusal.Forbidden, "not the host")
		case c.Report <= r.reported:
			return lobby.MatchState{Again: true}, nil
		case !r.playing:
			return lobby.MatchState{}, nil
		}
		ended := r.match
		w.matches[ended].Finished = c.At
		r.playing, r.reported, r.match = false, c.Report, c.NextID
		r.log = append(r.log, fmt.Sprint("stop ", ended))
		return lobby.MatchState{Ended: ended}, nil
	}
	return nil, refusal.New(refusal.Invalid, "%T", command)
}

func (w *world) LastStarted(_ context.Context, founder int64, since time.Time) (last *match.Match, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(w.matches)) {
		if m := w.matches[id]; m.Founder == founder && m.Started.After(since) {
			last = m
		}
	}
	return last, w.trouble()
}

func (w *world) FinishMatch(_ context.Context, id int64, at time.Time) (bool, error) {
	m := w.matches[id]
	if m == nil || !m.Finished.IsZero() {
		return false, nil
	}
	m.Finished = at
	return true, nil
}

func (w *world) SaveEnd(_ context.Context, e match.End) (bool, error) {
	first := !slices.ContainsFunc(w.ends, func(x match.End) bool { return x.Match == e.Match })
	w.ends = append(w.ends, e)
	return first && w.matches[e.Match] != nil, nil
}

func (w *world) AddLobbyMessage(_ context.Context, m match.LobbyMessage, once string) error {
	if _, ok := w.messages[once]; !ok {
		w.messages[once] = m
	}
	return nil
}

func (w *world) KeepEvent(_ context.Context, e Happened) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.events[e.Key]; !ok {
		w.events[e.Key] = e
	}
	return w.trouble()
}

func (w *world) UserByName(_ context.Context, name string) (*account.User, error) {
	if name == "Nobody" {
		return nil, nil
	}
	return &account.User{ID: int64(len(name)), Name: name, PlayMinutes: w.played}, nil
}

func (w *world) SetStats(_ context.Context, user int64, stats map[string]string) error {
	w.stats[user] = stats
	return nil
}

func (w *world) Tell(_ context.Context, from, to int64, lines ...string) {
	w.said = append(w.said, fmt.Sprint(from, " to ", to, ": ", strings.Join(lines, "|")))
}
func (w *world) Online(int64) bool                       { return true }
func (w *world) MatchMonitor(context.Context) bool       { return !w.off }
func (w *world) NewPlayer(context.Context) time.Duration { return 30 * time.Hour }

// types are those of the events that were kept, sorted.
func (w *world) types() (list []string) {
	for _, e := range w.events {
		list = append(list, fmt.Sprint(e.Scope, " ", e.Type, " ", e.User, " ", e.Match))
	}
	slices.Sort(list)
	return list
}

func TestDeeds(t *testing.T) {
	t.Parallel()
	report := packed(t, `{"battleContext":{"scriptTags":{"game/server_match_id":"5"}}}`)
	for name, tc := range map[string]struct {
		deed   Deed
		played int64
		again  bool
		events []string
		said   []string
	}{
		"start":                 {deed: Deed{What: Start, Lobby: 3}},
		"start of another's":    {deed: Deed{What: Start, Lobby: 4}},
		"start of a closed one": {deed: Deed{What: Start, Lobby: 9}},
		"stop":                  {deed: Deed{What: Stop, Lobby: 3}, events: []string{"lobby lobby.match_stopped 7 5"}},
		"crash":                 {deed: Deed{What: Crash, Lobby: 3}, events: []string{"lobby lobby.spring_crashed 7 5"}},
		"stop of another's":     {deed: Deed{What: Stop, Lobby: 4}},
		"stop in a new lobby":   {deed: Deed{What: Stop, Lobby: 6}, events: []string{"lobby lobby.match_stopped 7 5"}},
		"stop without a lobby":  {deed: Deed{What: Stop}, events: []string{"lobby lobby.match_stopped 7 5"}},
		"by hand":               {deed: Deed{What: Manual, Lobby: 3, Name: "Alice"}, events: []string{"lobby lobby.manual_stop 5 5"}},
		"broken": {
			deed: Deed{What: Broken, Name: "Alice"}, events: []string{"server spads.broken_connection 5 0"},
			said: []string{"disconnect 5 reported broken connection"},
		},
		"broken, of nobody": {deed: Deed{What: Broken, Name: "Nobody"}},
		"event":             {deed: Deed{What: Event, Name: "Alice", Type: "x", Seconds: 3}, events: []string{"match x 5 5"}},
		"event of nobody":   {deed: Deed{What: Event, Name: "Nobody", Type: "x"}},
		"new player": {
			deed: Deed{What: Event, Name: "Alice", Type: "allycommloaded"}, played: 60,
			events: []string{"match allycommloaded 5 5", "match newuserliftingcomms 5 5"}, said: []string{"1 to 7: !kickban Alice"},
		},
		"old player":   {deed: Deed{What: Event, Name: "Alice", Type: "allycommloaded"}, played: 3000, events: []string{"match allycommloaded 5 5"}},
		"chat":         {deed: Deed{What: Chat, Name: "Alice", Text: "a: x"}},
		"hardware":     {deed: Deed{What: Hardware, Name: "Alice", Stats: map[string]string{"a": "b"}}},
		"end":          {deed: Deed{What: EndOfMatch, Data: report}},
		"end, odd":     {deed: Deed{What: EndOfMatch, Data: "x"}},
		"what is that": {deed: Deed{What: "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.played = tc.played
			running := tc.deed.What != Start
			w.lobbies[3] = &room{founder: 7, match: 5, playing: running}
			w.lobbies[4] = &room{founder: 8, match: 6, playing: running}
			w.lobbies[6] = &room{founder: 7, match: 9}
			if running {
				w.matches[5] = &match.Match{ID: 5, Founder: 7, Lobby: 3, Started: w.now.Add(-time.Minute)}
			}
			tc.deed.Seq, tc.deed.Host, tc.deed.At = 100, 7, w.now
			d := w.desk(t)
			for range 2 { // done twice is done once
				got := d.do(t.Context(), 2, batch{[]Deed{tc.deed}})
				if diff := cmp.Diff(any(done{Seqs: []int64{100}}), got); diff != "" {
					t.Errorf("done (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(tc.events, w.types()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			for _, s := range tc.said {
				if !slices.Contains(w.said, s) {
					t.Errorf("said %q, want %q", w.said, s)
				}
			}
			ended := tc.deed.What == Stop && tc.deed.Lobby != 4 || tc.deed.What == Crash
			if running && !w.matches[5].Finished.IsZero() != ended {
				t.Errorf("match %+v", w.matches[5])
			}
			if tc.deed.What == Start && (len(w.matches) == 1) != (tc.deed.Lobby == 3) {
				t.Errorf("matches %+v", w.matches)
			}
			if tc.deed.What == Chat && (len(w.messages) != 1 || w.messages["match_monitor/100"] != match.LobbyMessage{Match: 5, User: 5, Text: "a: x"}) {
				t.Errorf("messages %+v", w.messages)
			}
		})
	}
}

// An end that an owner has stored before it died is looked at by the next one.
func TestStoredEndIsLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.matches[5] = &match.Match{ID: 5, Founder: 7, Started: w.now.Add(-time.Hour)}
	d, looked := w.desk(t), 0
	d.Ended = func() { looked++ }
	deed := Deed{Seq: 1, Host: 7, At: w.now, What: EndOfMatch, Data: packed(t, `{"battleContext":{"scriptTags":{"game/server_match_id":"5"}}}`)}
	for range 2 {
		d.do(t.Context(), 2, batch{[]Deed{deed}})
	}
	if looked != 2 {
		t.Errorf("looked %d times", looked)
	}
}

// Whom nobody has complained of for long is not acted against.
func TestOldComplaints(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.matches[5] = &match.Match{ID: 5, Founder: 7, Started: w.now.Add(-time.Hour)}
	old := w.now.Add(-stillMeant - time.Second)
	w.desk(t).do(t.Context(), 2, batch{[]Deed{
		{Seq: 1, Host: 7, At: old, What: Broken, Name: "Alice"}, {Seq: 2, Host: 7, At: old, What: Event, Name: "Al", Type: "allycommloaded"},
	}})
	if len(w.said) != 0 || len(w.events) != 3 {
		t.Errorf("said %q, events %v", w.said, w.types())
	}
	// The store's clock counts, whatever that of the host says.
	w.now = w.now.Add(-time.Hour)
	w.desk(t).do(t.Context(), 2, batch{[]Deed{{Seq: 3, Host: 7, At: w.now, What: Broken, Name: "Alice"}}})
	if len(w.said) != 1 {
		t.Errorf("said %q", w.said)
	}
}

func TestTroubleWaits(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.lobbies[3], w.lobbies[4] = &room{founder: 7, match: 5}, &room{founder: 8, match: 6}
	d := w.desk(t)
	deeds := batch{[]Deed{
		{Seq: 1, Host: 7, At: w.now, What: Start, Lobby: 3}, {Seq: 2, Host: 8, At: w.now, What: Start, Lobby: 4}, {Seq: 3, Host: 7, At: w.now, What: Stop, Lobby: 3},
	}}
	w.trouble = func() error { return cluster.ErrUnavailable }
	got := d.do(t.Context(), 2, deeds).(done)
	slices.Sort(got.Later)
	if diff := cmp.Diff(done{Later: []int64{7, 8}}, got); diff != "" {
		t.Errorf("without an answer (-want +got):\n%s", diff)
	}
	w.trouble = func() error { panic("trouble") }
	if got := d.do(t.Context(), 2, batch{deeds.Deeds[:1]}).(done); !cmp.Equal(got, done{Seqs: []int64{1}}) {
		t.Errorf("a panic: %+v", got)
	}
	w.trouble, w.off = func() error { return nil }, true
	if got := d.do(t.Context(), 2, batch{deeds.Deeds[:1]}).(done); !cmp.Equal(got, done{Seqs: []int64{1}}) || len(w.matches) != 0 {
		t.Errorf("switched off: %+v, matches %v", got, w.matches)
	}
	d.do(t.Context(), 2, attend{})
	if !slices.Equal(w.said, []string{"join channel/autohosts 2 77"}) {
		t.Errorf("said %q", w.said)
	}
	for _, e := range []any{odd{From: 1, Lines: []string{"x"}}, lost(deeds)} {
		if next := d.do(t.Context(), 2, e); next != nil {
			t.Errorf("%T led to %v", e, next)
		}
	}
}

// owner is one owner of the monitor: a machine, and a batch that is under way.
type owner struct {
	s   *State
	out []Deed
}

// TestKills: owners die between record and answer, between answer and deed, between deed
// and its outcome; an owner that was replaced goes on with the batch it is at, beside the
// next one; lobbies do not answer, or answer and nobody hears it; edges send again what
// was not answered. Each game starts once and stops once, in order, and each event counts
// once.
func TestKills(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld()
		d := w.desk(t)
		d.Log = slog.New(slog.DiscardHandler)
		calm := false
		w.trouble = func() error {
			if !calm && r.IntN(6) == 0 {
				return fmt.Errorf("call: %w", cluster.ErrUnavailable)
			}
			return nil
		}
		const hosts, games = 4, 5
		var lines [hosts][]any // what each host has yet to report
		number := int64(0)
		for h := range hosts {
			id := int64(h + 1)
			w.lobbies[id] = &room{founder: id, match: 100 * id}
			for g := range games {
				for _, text := range []string{saysLaunching, fmt.Sprintf("match-event <Alice> <e%d> <%d>", g, h), saysCrashed + ": 1s)", saysStopped + ": 1s)"} {
					number++
					if strings.HasPrefix(text, "match") {
						lines[h] = append(lines[h], resident.Direct{From: id, Rights: resident.Rights{Bot: true}, Text: text})
						continue
					}
					lines[h] = append(lines[h], Heard{From: id, Session: 1, Line: number, Lobby: id, Text: text})
				}
			}
		}
		snapshot, err := NewState().Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		var now *owner
		var old []*owner
		at := epoch
		elect := func() {
			if now != nil {
				old = append(old, now)
			}
			s, err := RestoreState(snapshot)
			if err != nil {
				t.Fatal(err)
			}
			s.Resume()
			now = &owner{s: s}
		}
		give := func(body any) bool { // whether the sender has an answer
			out, err := now.s.Apply(process.Command{Body: body, At: at})
			if err != nil {
				t.Fatal(err)
			}
			if out.Record != nil {
				if r.IntN(10) == 0 { // dies before the record is written
					elect()
					return false
				}
				if snapshot, err = now.s.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			now.out = append(now.out, deedsOf(out)...)
			if r.IntN(10) == 0 { // dies before the answer, and before the deeds
				elect()
				return false
			}
			return true
		}
		work := func(o *owner) {
			if len(o.out) == 0 {
				return
			}
			deeds := o.out
			o.out = nil
			w.now = time.Now()
			outcome := d.do(context.Background(), 1, batch{deeds})
			if o != now || r.IntN(8) == 0 { // dies before it hears the outcome
				if o == now {
					elect()
				}
				return
			}
			out, err := o.s.Apply(process.Command{Body: outcome, At: at})
			if err != nil {
				t.Fatal(err)
			}
			o.out = deedsOf(out)
			if r.IntN(2) == 0 { // written behind, or not yet
				if snapshot, err = o.s.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
		}
		elect()
		acked := map[string]bool{}
		left := func() (n int) {
			for h := range hosts {
				n += len(lines[h])
			}
			return n
		}
		for step := 0; left() > 0 || len(now.s.pending) > 0; step++ {
			if calm = step > 4000; step > 8000 {
				t.Fatalf("seed %d: no end: %d lines, %d pending", seed, left(), len(now.s.pending))
			}
			at = at.Add(time.Duration(r.IntN(400)) * time.Millisecond)
			w.now = at
			h := r.IntN(hosts)
			switch {
			case r.IntN(2) == 0 && len(lines[h]) > 0:
				body := lines[h][0]
				_, once := body.(resident.Direct) // the runtime's memory of commands is what keeps these from being sent twice
				answered := give(body)
				if answered || once {
					lines[h] = lines[h][1:]
				}
				if answered && once {
					fields := strings.Fields(strings.NewReplacer("<", "", ">", "").Replace(body.(resident.Direct).Text))
					acked[fields[2]+" "+fields[3]] = true
				}
			case r.IntN(4) == 0 && len(old) > 0:
				work(old[r.IntN(len(old))])
			case r.IntN(3) == 0:
				out, err := now.s.Apply(process.Command{Body: look{}, At: at})
				if err != nil {
					t.Fatal(err)
				}
				now.out = append(now.out, deedsOf(out)...)
			default:
				work(now)
			}
		}
		for h := range hosts {
			id := int64(h + 1)
			log := w.lobbies[id].log
			if len(log) != 2*games {
				t.Fatalf("seed %d: lobby %d: %q", seed, id, log)
			}
			for i := 0; i < len(log); i += 2 {
				number := strings.TrimPrefix(log[i], "start ")
				if log[i+1] != "stop "+number || number == log[i] {
					t.Fatalf("seed %d: lobby %d: %q", seed, id, log)
				}
			}
		}
		names := map[string]int{}
		for _, e := range w.events {
			if e.Scope == ScopeMatch {
				names[fmt.Sprint(e.Type, " ", e.Seconds)]++
			}
		}
		for name := range acked {
			if names[name] == 0 {
				t.Fatalf("seed %d: event %s was answered and does not count: %v", seed, name, names)
			}
		}
		for name, n := range names {
			if n != 1 {
				t.Fatalf("seed %d: event %s counts %d times", seed, name, n)
			}
		}
	}
}

func TestIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("x: %w", errIgnored), true}, {refusal.New(refusal.Forbidden, "no"), true},
		{refusal.New(refusal.Unavailable, "later"), false}, {cluster.ErrUnavailable, false}, {errors.New("x"), false},
	} {
		if got := isRefused(tc.err); got != tc.want {
			t.Errorf("%v: %v", tc.err, got)
		}
	}
}
