package account

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/setting"
)

// TopicRemembered tells the other nodes which passwords were found right.
var TopicRemembered = bus.RegisterTopic("account.remembered",
	"the node of a login: these passwords were found right; a lost one costs a hash, or is repeated while the user is online")

// The times and sizes of sharing.
const (
	// gatherFor is how long logins are collected for one message.
	gatherFor = 50 * time.Millisecond
	// pageMarks is how many marks one message has at most.
	pageMarks = 512
	// repeats is how often in its life a mark of who is online is told again.
	repeats = 4
	// lookEvery is how often it is looked whether that is due, or a node has come.
	lookEvery = 5 * time.Second
)

// vouched is the body of TopicRemembered. It names nobody: whoever reads along learns
// how many have logged in.
type vouched struct {
	Until int64  `json:"until"` // milliseconds, by the time of the cluster
	Marks []byte `json:"marks"` // one after the other
	Tag   []byte `json:"tag"`   // of sender and content
}

var _ = message.Register[vouched]("account.vouched")

// Peers are the other nodes of a cluster, who may know which passwords were found right
// here, and tell what they have found.
//
// Nothing that a message holds can be checked without the key, which follows from the
// secret of the cluster, nor without the stored hash, which is never sent and has a
// salt. A message is believed of a node that is not gone, with a tag under another such
// key, and for no longer than what is found here.
type Peers struct {
	Bus     bus.Bus
	Living  func(bus.Origin) bool
	Secret  string // of the cluster
	Cluster string // its id: the same secret elsewhere gives other keys
}

// sharing is the way to the other nodes.
type sharing struct {
	Peers
	key   []byte // of tags
	known map[bus.Origin]bool
}

// share begins to remember together with other nodes.
func (s *Service) share(p Peers) {
	s.sharing = &sharing{Peers: p, key: p.derive("tag"), known: map[bus.Origin]bool{}}
	copy(s.remembered.key[:], p.derive("mark"))
	s.remembered.tell = make(chan struct{}, 1)
	p.Bus.Subscribe(TopicRemembered, func(m bus.Message) {
		if v, ok := m.Body.(vouched); ok && m.Origin != p.Bus.Self() && p.Living(m.Origin) {
			s.learn(m.Origin, v)
		}
	})
}

// derive makes a key for one purpose from the secret.
func (p Peers) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(p.Secret), []byte(p.Cluster), "teiserver remembered passwords: "+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for a key that is too long
	}
	return key
}

func (h *sharing) tag(from bus.Origin, v vouched) []byte {
	mac := hmac.New(sha256.New, h.key)
	var b []byte
	for _, n := range []int64{from.Incarnation, v.Until, int64(len(from.Node))} {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // a number for a number
	}
	mac.Write(b)
	mac.Write([]byte(from.Node))
	mac.Write(v.Marks)
	return mac.Sum(nil)
}

// learn takes what another node has found right.
func (s *Service) learn(from bus.Origin, v vouched) {
	size := len(mark{})
	if len(v.Marks)%size != 0 || len(v.Marks) > pageMarks*size || !hmac.Equal(v.Tag, s.sharing.tag(from, v)) {
		s.log.Warn("remembered passwords of another node not believed", "node", from.Node)
		return
	}
	marks := make([]mark, 0, len(v.Marks)/size)
	for b := v.Marks; len(b) > 0; b = b[size:] {
		marks = append(marks, mark(b[:size]))
	}
	s.remembered.learn(marks, time.UnixMilli(v.Until), s.now())
}

// tell tells the others that these passwords are right, from now on for life.
func (s *Service) tell(marks []mark, life time.Duration) {
	for len(marks) > 0 && life > 0 {
		n := min(len(marks), pageMarks)
		v := vouched{Until: s.now().Add(life).UnixMilli(), Marks: make([]byte, 0, n*len(mark{}))}
		for _, m := range marks[:n] {
			v.Marks = append(v.Marks, m[:]...)
		}
		v.Tag = s.sharing.tag(s.sharing.Bus.Self(), v)
		if err := s.sharing.Bus.Publish(TopicRemembered, v); err != nil {
			s.log.Debug("remembered passwords not told", "err", err)
		}
		marks = marks[n:]
	}
}

// rememberFor reads how long passwords are remembered.
func (s *Service) rememberFor(ctx context.Context) time.Duration {
	life := time.Duration(setting.RememberMinutes.Get(ctx, s.settings)) * time.Minute
	s.remembered.keepFor(life, s.now())
	return life
}

// runRemembered keeps the marks of who is online, and tells the other nodes, until ctx
// ends: of a login soon, of all again four times in their life, and when a node has come.
func (s *Service) runRemembered(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	gather := time.NewTimer(0)
	gather.Stop()
	var extended time.Time
	life := s.rememberFor(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.remembered.tell:
			gather.Reset(gatherFor)
		case <-gather.C:
			s.tell(s.remembered.take(), life)
		case <-look.C:
			life = s.rememberFor(ctx)
			due := s.now().Sub(extended) >= life/repeats
			if s.sharing != nil && s.sharing.newcomers() {
				due = true
			}
			if !due || life == 0 {
				continue
			}
			extended = s.now()
			marks := s.remembered.extend(s.opts.Here, extended)
			if s.sharing != nil {
				s.tell(marks, life)
			}
		}
	}
}

// newcomers reports whether a node is heard that was not before.
func (h *sharing) newcomers() (some bool) {
	heard := map[bus.Origin]bool{}
	for _, peer := range h.Bus.Peers() {
		heard[peer] = true
		some = some || !h.known[peer]
	}
	h.known = heard
	return some
}
