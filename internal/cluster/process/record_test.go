package process_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// dieAfterCommit makes a host's process end like a killed node between the commit of a
// record and everything that follows.
func dieAfterCommit(r **rig) func(k *process.Kind, _ *process.Options) {
	return func(k *process.Kind, _ *process.Options) {
		write := k.Write
		k.Write = func(ctx context.Context, f registry.Fence, record any) error {
			err := write(ctx, f, record)
			(*r).host.Get(f.Key).Drop()
			return err
		}
	}
}

// TestRule14_KilledBetweenCommitAndAnswer: the next owner has the record, the state that
// the command made, and its id: sent again it is answered and not obeyed.
func TestRule14_KilledBetweenCommitAndAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		var a *rig
		a = newRig(t, s, dieAfterCommit(&a))
		b := newRig(t, s, nil)
		p := a.start()
		a.must(p, add{V: 1}, 1) // and is in no snapshot yet
		c := process.Call{Body: add{V: 2, Durable: true}, ID: a.id()}
		if _, err := p.Call(context.Background(), c); !errors.Is(err, process.ErrEnded) {
			t.Errorf("killed: %v, want ended: to be sent again", err)
		}
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		b.must(q, add{V: 3}, 1, 2, 3)
		for range 2 {
			reply, err := q.Call(context.Background(), c)
			if err != nil || !slices.Equal(reply.(list).Values, []int{1, 2}) {
				t.Errorf("sent again: %v, %v", reply, err)
			}
		}
		b.must(q, clustertest.Read{}, 1, 2, 3)
		if diff := cmp.Diff([]clustertest.Fact{{Key: key, Epoch: 1, Value: "2"}}, s.Facts()); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
	})
}

// TestRule14_FirstCommand: the same for the one that has made the process.
func TestRule14_FirstCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		var a *rig
		a = newRig(t, s, dieAfterCommit(&a))
		b := newRig(t, s, nil)
		c := process.Call{Body: add{V: 1, Durable: true}, ID: a.id()}
		p, err := a.host.Start(context.Background(), a.claim(), &c)
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		reply, err := q.Call(context.Background(), c)
		if err != nil || !slices.Equal(reply.(list).Values, []int{1}) || len(s.Facts()) != 1 {
			t.Errorf("sent again: %v, %v, facts %v", reply, err, s.Facts())
		}
	})
}

// TestRule14_FirstCommandAnswerLost: the process goes on, seen by everybody.
func TestRule14_FirstCommandAnswerLost(t *testing.T) {
	for name, tc := range map[string]struct {
		fault  clustertest.Fault
		answer error
		state  registry.State
	}{
		"answer lost": {clustertest.Fault{Lose: clustertest.ErrLost}, nil, registry.Owned},
		"failed":      {clustertest.Fault{Fail: clustertest.ErrLost}, process.ErrUnavailable, registry.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, nil)
				s.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "write" {
						return tc.fault
					}
					return clustertest.Fault{}
				})
				p, err := r.host.Start(context.Background(), r.claim(), &process.Call{Body: add{V: 1, Durable: true}, ID: r.id()})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := p.First(context.Background()); !errors.Is(err, tc.answer) {
					t.Errorf("answered %v, want %v", err, tc.answer)
				}
				synctest.Wait()
				if o, _, _ := s.Lookup(context.Background(), key); o.State != tc.state {
					t.Errorf("the key is %s", o.State)
				}
				if tc.state != registry.Owned {
					return
				}
				r.must(p, add{V: 2}, 1, 2)
				want := process.Indexed{ID: "1", Epoch: 2, Run: 1, Seq: 1, Summary: clustertest.Length{N: 2}}
				if got := r.voice.of("tally.index"); len(got) == 0 || !cmp.Equal(got[len(got)-1], any(want)) {
					t.Errorf("index %+v, want %+v last", got, want)
				}
			})
		})
	}
}

// TestRule14_DurableIDsAreNotPushedOut: a busy process applies more commands than it
// remembers while the sender of a durable one still tries.
func TestRule14_DurableIDsAreNotPushedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		a, b := newRig(t, s, nil), newRig(t, s, nil)
		p := a.start()
		c := process.Call{Body: add{V: 0, Durable: true}, ID: a.id()}
		if _, err := p.Call(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if _, err := a.call(p, clustertest.Read{}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second) // a snapshot
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		q := b.start()
		reply, err := q.Call(context.Background(), c)
		if err != nil || !slices.Equal(reply.(list).Values, []int{0}) || len(s.Facts()) != 1 {
			t.Errorf("sent again: %v, %v, facts %v", reply, err, s.Facts())
		}
	})
}

// TestRule14_PanicAfterARecord: what the process is rebuilt from is not older than the
// last record.
func TestRule14_PanicAfterARecord(t *testing.T) {
	for name, volatile := range map[string]bool{"stored": false, "volatile": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				r := newRig(t, s, func(_ *process.Kind, o *process.Options) { o.Volatile = volatile })
				p := r.start()
				c := process.Call{Body: add{V: 1, Durable: true}, ID: r.id()}
				if _, err := p.Call(context.Background(), c); err != nil {
					t.Fatal(err)
				}
				if _, err := r.call(p, clustertest.Panic{}); !errors.Is(err, process.ErrPanicked) {
					t.Fatal(err)
				}
				if _, err := p.Call(context.Background(), c); err != nil || len(s.Facts()) != 1 {
					t.Errorf("sent again: %v, facts %v", err, s.Facts())
				}
				r.must(p, clustertest.Read{}, 1)
			})
		})
	}
}

// TestRecordIsASnapshot: what was written with a record is not written behind again.
func TestRecordIsASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		p := r.start()
		r.must(p, add{V: 1}, 1)
		r.must(p, add{V: 2, Durable: true}, 1, 2)
		pass(2 * time.Second)
		if n := r.host.Counters().Saved.Load(); n != 0 {
			t.Errorf("%d snapshots were written behind a record", n)
		}
		r.must(p, add{V: 3}, 1, 2, 3)
		pass(2 * time.Second)
		if own := r.claim(); values(own.Snapshot) != "[1,2,3]" {
			t.Errorf("stored %s", own.Snapshot)
		}
	})
}

// closer is a tally that records and closes with one command.
type closer struct{ process.Machine }

func (c closer) Apply(cmd process.Command) (process.Outcome, error) {
	out, err := c.Machine.Apply(cmd)
	if _, ok := cmd.Body.(clustertest.Close); ok {
		out.Record = "last"
	}
	return out, err
}

// TestRule14_KilledBetweenRecordAndClose: a process whose last command has a record is
// not opened again by the next owner, and the record is not written twice.
func TestRule14_KilledBetweenRecordAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		closing := func(k *process.Kind, _ *process.Options) {
			open := k.Open
			k.Open = func(ctx context.Context, id string, snapshot []byte) (process.Machine, error) {
				m, err := open(ctx, id, snapshot)
				return closer{m}, err
			}
		}
		var a *rig
		a = newRig(t, s, func(k *process.Kind, o *process.Options) { closing(k, o); dieAfterCommit(&a)(k, o) })
		b := newRig(t, s, closing)
		p := a.start()
		if _, err := a.call(p, clustertest.Close{}); !errors.Is(err, process.ErrEnded) {
			t.Errorf("killed: %v", err)
		}
		<-p.Done()
		if err := s.Leave(context.Background(), a.incarnation); err != nil {
			t.Fatal(err)
		}
		if _, err := b.host.Start(context.Background(), b.claim(), nil); !errors.Is(err, process.ErrNoState) {
			t.Errorf("opened again: %v", err)
		}
		if len(s.Facts()) != 1 {
			t.Errorf("facts %v", s.Facts())
		}
	})
}
