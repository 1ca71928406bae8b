package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"teiserver/test/springclient"
)

// doorman lets everybody in who asks, until stop is called. Nothing else may
// wait for lines of the host meanwhile.
func (a *actor) doorman(id int64) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for {
			line, err := a.Expect(ctx, "JOINBATTLEREQUEST * *")
			if err != nil {
				return
			}
			if err := a.Send("JOINBATTLEACCEPT %s", strings.Fields(line)[1]); err != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// round is one of the two hundred: what every client does at the same moment.
type round struct {
	w       *world
	rng     *rand.Rand
	hosts   []*actor
	ids     []int64
	players []*actor
	rooms   []string
	leaving *actor // renames itself in this round
}

func twoHundredRounds(t *testing.T, env Env) {
	const rounds = 200
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := enter(t, env)
	r := &round{w: w, rng: rand.New(rand.NewPCG(seed, 1))}
	for range 2 {
		r.hosts = append(r.hosts, w.host())
		r.rooms = append(r.rooms, strings.ToLower(env.Name()))
	}
	for range 2 * max(3, len(env.Nodes)) {
		r.players = append(r.players, w.player())
	}
	w.meet()
	for i, h := range r.hosts {
		r.ids = append(r.ids, h.open(springclient.Battle{Title: fmt.Sprintf("Room %d", i)}))
		defer h.doorman(r.ids[i])()
	}
	for n := range rounds {
		if n%40 == 20 {
			r.newcomer()
		}
		r.once(n)
		if w.Failed() {
			return
		}
	}
	for _, a := range append(r.hosts, r.players...) {
		a.sync()
	}
	w.converge()
	for _, a := range r.players {
		a.send("LEAVEBATTLE")
	}
	for _, a := range append(r.hosts, r.players...) {
		a.await("empty battles", func(m *springclient.Model) bool {
			return len(m.Battles[r.ids[0]].Members) == 0 && len(m.Battles[r.ids[1]].Members) == 0
		})
	}
}

// once sends one command from every client at the same moment and waits until
// every server has worked through them.
func (r *round) once(n int) {
	plans := make([]string, 0, len(r.players)+len(r.hosts))
	actors := append(append([]*actor{}, r.players...), r.hosts...)
	for _, a := range r.players {
		plans = append(plans, r.pick(a, n))
	}
	for range r.hosts {
		victim := r.players[r.rng.IntN(len(r.players))].name
		plans = append(plans, []string{
			"KICKFROMBATTLE " + victim, "FORCEALLYNO " + victim + fmt.Sprintf(" %d", r.rng.IntN(16)),
			fmt.Sprintf("SETSCRIPTTAGS game/round=%d", n), fmt.Sprintf("ADDSTARTRECT %d 0 0 %d 9", r.rng.IntN(3), r.rng.IntN(200)),
			fmt.Sprintf("UPDATEBATTLEINFO %d 0 77 Map %d", r.rng.IntN(5), n), fmt.Sprintf("MYSTATUS %d", r.rng.IntN(2)),
		}[r.rng.IntN(6)])
	}
	var start sync.WaitGroup
	start.Add(1)
	errs := make(chan error, len(actors))
	var back *actor // who was the one that leaves
	for i, a := range actors {
		go func() {
			start.Wait()
			if a == r.leaving {
				var err error
				back, err = r.rename(a, plans[i])
				errs <- err
				return
			}
			if err := a.Send("%s", plans[i]); err != nil {
				errs <- err
				return
			}
			ctx, cancel := limit()
			defer cancel()
			errs <- a.Ping(ctx)
		}()
	}
	start.Done()
	for range actors {
		if err := <-errs; err != nil {
			r.w.Errorf("round %d: %v", n, err)
		}
	}
	if i := slices.Index(r.players, r.leaving); i >= 0 && back != nil {
		r.players[i] = back
	}
	r.leaving = nil
}

// pick chooses what a player does.
func (r *round) pick(a *actor, n int) string {
	if a == r.leaving {
		return "RENAMEACCOUNT " + r.w.env.Name()
	}
	room := r.rooms[r.rng.IntN(len(r.rooms))]
	id := r.ids[r.rng.IntN(len(r.ids))]
	return []string{
		fmt.Sprintf("JOINBATTLE %d empty %d", id, n), fmt.Sprintf("JOINBATTLE %d empty %d", id, n), "LEAVEBATTLE",
		fmt.Sprintf("MYBATTLESTATUS %d %d", 4194304+r.rng.IntN(2)*1024+r.rng.IntN(16)*4, n), fmt.Sprintf("ADDBOT AI%d 0 0 NullAI", r.rng.IntN(3)),
		fmt.Sprintf("SAYBATTLE round %d", n), "JOIN " + room, "LEAVE " + room, fmt.Sprintf("SAY %s round %d", room, n), fmt.Sprintf("MYSTATUS %d", r.rng.IntN(4)),
	}[r.rng.IntN(10)]
}

// newcomer adds a player who asks to come into a battle, is in a channel, and renames itself in
// the next round, at the same moment as the others do what they do. An account of its own: names
// that are used again do not change.
func (r *round) newcomer() {
	a := r.w.newcomer()
	a.send("JOINBATTLE %d empty 1", r.ids[0])
	a.send("JOIN %s", r.rooms[0])
	a.sync()
	r.players = append(r.players, a)
	r.leaving = a
}

// rename gives a player another name, which ends its session, and has it come back on the next
// node while the others may still be at it.
func (r *round) rename(a *actor, plan string) (*actor, error) {
	if err := a.Send("%s", plan); err != nil {
		return nil, err
	}
	ctx, cancel := limit()
	defer cancel()
	if err := a.WaitClosed(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", plan, err)
	}
	b, err := r.w.dial(r.w.nextNode(), springclient.Player)
	if err != nil {
		return nil, err
	}
	name := strings.Fields(plan)[1]
	if err := b.Login(ctx, name); err != nil {
		return nil, fmt.Errorf("%s came back: %w", name, err)
	}
	b.name = name
	return b, nil
}
