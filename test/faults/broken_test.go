//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"teiserver/test/faults/network"
	"teiserver/test/springclient"
)

// variant is a wrong variant of the protocols with the schedule that catches it.
type variant struct {
	step string // that is left out, see package failpoint
	env  []string
	// only for node1, on which the schedule acts, and only for the others.
	first, rest []string
	spare       int
	play        func(s *stage)
	// want is part of what a checker has to say.
	want string
}

var variants = []variant{
	{step: "fence", play: delayedWrite, want: "one owner, epochs only rise: lobby/"},
	{step: "close", play: delayedClose, want: "the row was deleted"},
	{step: "condemn", env: []string{"TEISERVER_FAULT_WAIT=condemn=6s"}, play: lateRenewal, want: "of its lease left"},
	{step: "claim", play: claimsApart, want: "claimed while its owner lives"},
	{step: "margin", first: []string{"TEISERVER_FAULT_RATE=0.77"}, play: slowClock, want: "only the owner acts"},
	{step: "answer", first: []string{"TEISERVER_FAULT_RATE=0.77"}, play: lateAnswer, want: "only the owner acts"},
	{step: "look", play: slowClock, want: "only the owner acts"},
	{step: "row", rest: []string{"TEISERVER_FAULT_WAIT=save=9s"}, play: delayedWrite, want: "one owner, epochs only rise: lobby/"},
	{step: "thaw", play: drainCalledOff, want: "only the owner acts"},
	{step: "namesake", spare: 1, play: secondOfAName, want: "of its lease left"},
}

// tries is how often a wrong variant is played until it is caught. Some go wrong for half a
// second only, which a machine with too much to do may sleep through.
const tries = 3

// TestBroken plays each schedule twice: on the server as it is, which has to pass all
// checkers, and on the wrong variant, which has to be caught.
func TestBroken(t *testing.T) {
	for _, v := range variants {
		t.Run(v.step, func(t *testing.T) {
			t.Run("whole", func(t *testing.T) {
				for _, found := range v.run(t, false) {
					t.Error(found)
				}
			})
			t.Run("broken", func(t *testing.T) {
				for range tries {
					found := v.run(t, true)
					if at := slices.IndexFunc(found, func(s string) bool { return strings.Contains(s, v.want) }); at >= 0 {
						t.Logf("caught: %s", found[at])
						return
					}
					t.Logf("not caught, found: %q", found)
				}
				t.Errorf("not caught %d times", tries)
			})
		})
	}
}

func (v variant) run(t *testing.T, broken bool) []string {
	s := settings{nodes: 3, spare: v.spare, env: slices.Clone(v.env), first: v.first, rest: v.rest}
	if broken {
		s.env = append(s.env, "TEISERVER_FAULT_BREAK="+v.step)
	}
	r := newRig(t, s)
	st := &stage{rig: r, load: &load{r: r}}
	st.ctx, st.stop = context.WithTimeout(t.Context(), 3*time.Minute)
	defer st.stop()
	v.play(st)
	r.net.Heal()
	r.waitReady(readyLimit)
	r.collect()
	return Check(r.history.Events())
}

// stage is a rig for directed schedules.
type stage struct {
	*rig
	*load
}

// enter makes an account and logs it in.
func (s *stage) enter(name string, n *node, flavor springclient.Flavor) *session {
	s.t.Helper()
	if flavor == springclient.Host {
		s.makeBot(name)
	} else if err := s.makeAccount(s.ctx, name, n); err != nil {
		s.t.Fatal(err)
	}
	c, err := s.dial(s.ctx, name, n, flavor)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Login(s.ctx, name); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

// warm is how many writes a battle has before anything is broken: the driver prepares a
// statement when a connection has it for the first time, and what is delayed then is the
// preparation.
const warm = 6

// battle opens a battle on node1, where its process lives then, and changes it until its
// snapshot was written some times.
func (s *stage) battle() (host *session, id int64) {
	s.t.Helper()
	host = s.enter("Host0", s.nodes[0], springclient.Host)
	id, err := host.OpenBattle(s.ctx, springclient.Battle{})
	if err != nil {
		s.t.Fatal(err)
	}
	n := 0
	err = s.until(time.Minute, func(ctx context.Context) error {
		n++
		s.change(host, n)
		_, writes, err := s.owner(ctx, id)
		if err == nil && writes < warm {
			err = fmt.Errorf("battle %d was written %d times", id, writes)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return host, id
}

func (s *stage) change(host *session, n int) { _ = host.Send("SETSCRIPTTAGS game/modoptions/x=%d", n) }

// owner reads the row of a battle. A row that is not there has epoch 0.
func (s *stage) owner(ctx context.Context, id int64) (epoch, writes int64, err error) {
	c, err := s.sql(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Close(ctx) }()
	err = c.QueryRow(ctx, "SELECT epoch, writes FROM owner WHERE kind = 'lobby' AND id = $1", fmt.Sprint(id)).Scan(&epoch, &writes)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return epoch, writes, err
}

// replaced waits until the battle is not node1's anymore, or is deleted.
func (s *stage) replaced(id int64) {
	s.t.Helper()
	err := s.until(time.Minute, func(ctx context.Context) error {
		epoch, _, err := s.owner(ctx, id)
		if err == nil && epoch == 1 {
			err = fmt.Errorf("battle %d is still node1's", id)
		}
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

func (s *stage) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
	}
}

// late is longer than a lease, so that what was sent within it comes when another node
// owns what it is about.
var late = network.Rule{Delay: 7 * time.Second}

// delayedWrite: a snapshot of node1 is under way to the store while the node is condemned
// and its battle goes to another.
func delayedWrite(s *stage) {
	host, id := s.battle()
	s.net.Set("node1", database, late)
	for n := range 20 { // there is something to write each time
		s.change(host, n)
		s.rest(100 * time.Millisecond)
	}
	s.replaced(id)
	s.rest(late.Delay)
}

// delayedClose: the end of a battle is under way to the store in the same way.
func delayedClose(s *stage) {
	host, id := s.battle()
	s.net.Set("node1", database, late)
	_ = host.Send("LEAVEBATTLE")
	s.replaced(id)
	s.rest(late.Delay)
}

// lateRenewal: node1 comes back between the look that found it dead and the sentence,
// which the failpoint holds back for 6 s.
func lateRenewal(s *stage) {
	s.net.Both("node1", database, cut)
	s.rest(4500 * time.Millisecond)
	s.net.Both("node1", database, network.Rule{})
	s.rest(10 * time.Second)
}

// claimsApart: nodes that do not reach each other want the same channel.
func claimsApart(s *stage) {
	var all []*session
	for i, n := range s.nodes {
		all = append(all, s.enter(fmt.Sprintf("Player%d", i), n, springclient.Player))
	}
	for i, a := range s.nodes {
		for _, b := range s.nodes[:i] {
			s.net.Both(a.name, b.name, cut)
		}
	}
	for n := range 5 {
		for _, c := range all {
			_ = c.Send("JOIN apart%d", n)
			s.rest(500 * time.Millisecond)
		}
	}
	s.rest(10 * time.Second)
}

// slowClock: node1 is cut off from all but its clients, who go on, and its clock is slow.
func slowClock(s *stage) {
	host, id := s.battle()
	for _, other := range append(s.others("node1"), database) {
		s.net.Both("node1", other, cut)
	}
	s.goOn(host, id)
}

// lateAnswer: answers come half an interval late before the link is cut, and the clock
// of node1 is slow.
func lateAnswer(s *stage) {
	host, id := s.battle()
	s.net.Set(database, "node1", network.Rule{Delay: 650 * time.Millisecond})
	for n := range 30 {
		s.change(host, n)
		s.rest(100 * time.Millisecond)
	}
	for _, other := range append(s.others("node1"), database) {
		s.net.Set("node1", other, cut) // what is on its way to node1 still comes
	}
	s.goOn(host, id)
}

// goOn has the host change its battle until another node has it.
func (s *stage) goOn(host *session, id int64) {
	for n := range 300 {
		s.change(host, n)
		s.rest(20 * time.Millisecond)
	}
	s.replaced(id)
}

// drainCalledOff: node1 hands its battle over, and the drain is called off while the host
// of the battle is still there and goes on.
func drainCalledOff(s *stage) {
	host, id := s.battle()
	ctx, cancel := context.WithTimeout(s.ctx, 8*time.Second)
	defer cancel()
	var done sync.WaitGroup
	done.Go(func() { _, _ = s.try(ctx, "cluster", "drain", "node1") })
	for n := range 200 {
		s.change(host, n)
		s.rest(20 * time.Millisecond)
	}
	done.Wait()
	if err := s.operateNode("undrain", "node1"); err != nil {
		s.t.Error(err)
	}
	s.replaced(id)
}

// secondOfAName: a node on another host, with a folder of its own, is given the name of
// node1, which lives. On the right server it ends by itself.
func secondOfAName(s *stage) {
	host, _ := s.battle()
	second := s.nodes[3]
	for i, arg := range second.args {
		if arg == "--node-name" {
			second.args[i+1] = "node1"
		}
	}
	second.once = true
	if err := second.start(); err != nil {
		s.t.Fatal(err)
	}
	for n := range 500 {
		s.change(host, n)
		s.rest(20 * time.Millisecond)
	}
	second.stop(syscall.SIGKILL)
	s.change(host, 1000)
	s.rest(time.Second)
}
