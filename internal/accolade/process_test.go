package accolade

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/resident"
	"teiserver/internal/setting"
)

func isNone(err error) bool { return errors.Is(err, cluster.ErrNone) }

// TestConversations: after a match that two nodes tell of at once each player is asked
// once about a team mate; what each answers, twice, counts once.
func TestConversations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "abc", nil, 1, 2, 3, 4, 5)
		m := r.play(7, []int64{1, 2, 6}, []int64{3, 4}, []int64{5}) // 6 is not there, 5 is alone
		var both sync.WaitGroup
		for _, n := range r.nodes[:2] {
			both.Go(func() {
				if err := n.Told(context.Background(), m, nil); err != nil {
					t.Errorf("told: %v", err)
				}
			})
		}
		both.Wait()
		want := map[int64]int{1: 1, 2: 1, 3: 1, 4: 1}
		r.until("all are asked", func() bool { return len(r.people.asked()) == len(want) })
		r.tell(r.nodes[2], m)
		pass(5 * time.Second)
		if diff := cmp.Diff(want, r.people.asked()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		for i, step := range []struct {
			user         int64
			text, answer string
		}{
			{1, "maybe", textNoNumber},
			{1, "9", textNoBadge},
			{1, "2", textGiven},
			{1, "2", textNoChat},
			{3, "n", textNothing},
			{3, "n", textNoChat},
			{4, "0", textNothing},
			{5, "1", textNoChat},
		} {
			n := r.nodes[i%len(r.nodes)]
			if got := r.says(n, step.user, step.text); len(got) != 1 || got[0] != step.answer {
				t.Errorf("user %d says %q and hears %q, want %q", step.user, step.text, got, step.answer)
			}
		}
		pass(noticeAfter + time.Second)
		a := r.store.answers()
		if len(a) != 3 || a[0].Outcome != Given || a[0].Giver != 1 || a[0].Badge != badges[1].ID || a[0].Recipient != 2 && a[0].Recipient != 6 {
			t.Errorf("answers %+v", a)
		}
		told := map[int64]int{2: 0, 6: 0}
		if a[0].Recipient == 2 {
			told[2] = 1
		}
		for user, n := range told {
			if got := r.people.count(user, textAwarded); got != n {
				t.Errorf("user %d is told %d times of an accolade", user, got)
			}
		}
		pass(10 * time.Minute) // 2 does not answer
		if got := []int{r.store.missesOf(1), r.store.missesOf(2), r.store.missesOf(3), r.store.missesOf(4)}; !cmp.Equal(got, []int{0, 10, 3, 3}) {
			t.Errorf("misses %v", got)
		}
		if r.runs(ChatKind) != nil {
			t.Error("a chat goes on without a question")
		}
	})
}

// TestBotDies: the match that was told of is asked about when the node of the bot is
// killed before it has begun, between two players, or before it knew.
func TestBotDies(t *testing.T) {
	for name, done := range map[string]int{"before it has asked anybody": 0, "between two": 1} {
		broken := func(x clustertest.Access) bool {
			return x.Op == "claim" && x.Key.Kind == ChatKind && (done == 0 || x.Key.ID != "1")
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "abc", nil, 1, 2, 3)
				var victim atomic.Int64 // the node that begins the chats
				r.breakStore(func(x clustertest.Access) clustertest.Fault {
					if broken(x) && (victim.CompareAndSwap(0, x.Incarnation) || victim.Load() == x.Incarnation) {
						return clustertest.Fault{Fail: clustertest.ErrLost}
					}
					return clustertest.Fault{}
				})
				m := r.play(7, []int64{1, 2, 3})
				r.tell(r.nodes[0], m)
				r.until("the failure", func() bool { return victim.Load() != 0 && len(r.people.asked()) == done })
				first := r.living(victim.Load())
				for user := range r.people.asked() { // whose chat is over when the next bot asks
					if got := r.says(r.other(first), user, "n"); len(got) != 1 || got[0] != textNothing {
						t.Errorf("user %d hears %q", user, got)
					}
				}
				r.kill(first)
				r.until("all are asked", func() bool { return len(r.people.asked()) == 3 })
				r.tell(r.other(first), m)
				pass(20 * time.Second)
				if diff := cmp.Diff(map[int64]int{1: 1, 2: 1, 3: 1}, r.people.asked()); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestChatSurvives: what was asked waits on the next node when that of the chat is killed,
// for the same deadline, and an answer counts there.
func TestChatSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "abc", nil, 1, 2)
		r.tell(r.nodes[0], r.play(7, []int64{1, 2}))
		r.until("both are asked", func() bool { return len(r.people.asked()) == 2 })
		began := time.Now()
		pass(2 * time.Second)
		first := r.runs(ChatKind)
		r.kill(first)
		if got := r.says(r.other(first), 1, "1"); len(got) != 1 || got[0] != textGiven {
			t.Errorf("after the failure user 1 hears %q", got)
		}
		second := r.runs(ChatKind)
		r.kill(second) // the notice waits on the third
		r.until("the notice", func() bool { return r.people.count(2, textAwarded) == 1 })
		pass(10*time.Minute - 5*time.Second - time.Since(began))
		if n := r.store.missesOf(2); n != 0 {
			t.Errorf("missed %d before the deadline", n)
		}
		pass(10 * time.Second)
		if n := r.store.missesOf(2); n != 10 {
			t.Errorf("missed %d after the deadline", n)
		}
		if n := r.people.count(2, textAwarded); n != 1 {
			t.Errorf("told %d times of the accolade", n)
		}
		if a := r.store.answers(); len(a) != 2 {
			t.Errorf("answers %+v", a)
		}
		if diff := cmp.Diff(map[int64]int{1: 1, 2: 1}, r.people.asked()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

// TestWhoIsNotAsked: silence has its bounds, and who is being asked is asked nothing else.
func TestWhoIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", map[string]string{"accolade.answer_seconds": "60"}, 1, 2)
		n := r.nodes[0]
		n.Restrictions = func(_ context.Context, user int64) ([]string, error) {
			if user == 1 {
				return []string{"Community"}, nil // about 1 nobody is asked
			}
			return nil, nil
		}
		for i, want := range []int{1, 1, 2, 2, 2} {
			r.tell(n, r.play(int64(10+i), []int64{1, 2}))
			pass(5 * time.Second)
			if got := r.people.asked(); got[1] != want || got[2] != 0 {
				t.Errorf("after match %d asked %v, want %d", i+1, got, want)
			}
			if i > 0 { // the second finds the first unanswered
				pass(70 * time.Second)
			}
		}
		if misses := r.store.missesOf(1); misses != 20 {
			t.Errorf("%d misses", misses)
		}
	})
}

// TestSwitchedOff: nobody is asked, nobody is told, and silence counts for nothing.
func TestSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", nil, 1, 2)
		n := r.nodes[0]
		r.tell(n, r.play(7, []int64{1, 2}))
		r.until("both are asked", func() bool { return len(r.people.asked()) == 2 })
		r.says(n, 1, "1")
		off := *n.Desk
		off.Settings = setting.Fixed(map[string]string{"addon.accolades": "false"})
		n.now.Store(&off)
		if text := off.Off(t.Context()); text != textOff || n.Off(t.Context()) != "" {
			t.Errorf("who writes is told %q", text)
		}
		pass(11 * time.Minute)
		if r.people.count(2, textAwarded) != 0 || r.store.missesOf(2) != 0 {
			t.Errorf("told %q, %d misses", r.people.told[2], r.store.missesOf(2))
		}
		m := r.play(8, []int64{1, 2})
		r.tell(n, m) // it was on when the match was told of
		if err := off.Told(t.Context(), r.play(9, []int64{1, 2}), nil); err != nil {
			t.Error(err)
		}
		pass(5 * time.Second)
		if diff := cmp.Diff(map[int64]int{1: 1, 2: 1}, r.people.asked()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

// TestShortMatch: nobody is asked about a short match, nor while a node has no desk.
func TestShortMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "a", nil, 1, 2)
		m := r.play(7, []int64{1, 2})
		m.GameDuration = 600
		r.tell(r.nodes[0], m)
		pass(5 * time.Second)
		if got := r.people.asked(); len(got) != 0 {
			t.Errorf("asked %v", got)
		}
		bot := NewBotKind(1, r.store, func() *Desk { return nil })
		if got := bot.Do(t.Context(), resident.Key(Kind), askAbout{5}); got != any(askedAbout{5, true}) {
			t.Errorf("without a desk: %+v", got)
		}
		chat := NewChatKind(r.store, func() *Desk { return nil })
		if got := chat.Do(t.Context(), cluster.NewKey(ChatKind, 1), say{question1()}); got != any(said{Match: 5, Again: true}) {
			t.Errorf("without a desk: %+v", got)
		}
		if got := chat.Do(t.Context(), cluster.NewKey(ChatKind, 1), late{5}); got != any(lapsed{Match: 5, Again: true}) {
			t.Errorf("without a desk: %+v", got)
		}
		chat.Do(t.Context(), cluster.NewKey(ChatKind, 1), tell{2})
		if !strings.Contains(bot.Purpose, Account.Name) || bot.Name != Kind || chat.Name != ChatKind {
			t.Errorf("kinds %+v %+v", bot, chat)
		}
	})
}
