package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// The numbers of the machine.
const (
	mostPosts  = 500 // that wait for Discord
	mostLines  = 100 // that wait for a channel here
	mostBatch  = 8   // done in one go
	mostKeys   = 500 // of notices, remembered
	lookEvery  = 10 * time.Second
	firstLook  = 50 * time.Millisecond
	countEvery = 10 * time.Minute
	// A line of chat that is older than that says nothing to anybody; a notice is kept for
	// longer.
	chatLife   = 5 * time.Minute
	noticeLife = 24 * time.Hour
	// mostDelay bounds the pauses before what did not work is tried again.
	mostDelay   = time.Minute
	speakDelay  = time.Second
	forgetAfter = 24 * time.Hour
	forgetFrom  = 1000 // speakers, from which on the old ones are forgotten
)

// post is what waits to be said on Discord.
type post struct {
	Seq     int64     `json:"seq"`
	Key     string    `json:"key"`
	Channel string    `json:"channel,omitempty"`
	Person  string    `json:"person,omitempty"` // of Discord
	User    int64     `json:"user,omitempty"`   // of here, if linked
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	Notice  bool      `json:"notice,omitempty"`
}

// line is what waits to be said here.
type line struct {
	Seq  int64     `json:"seq"`
	Room string    `json:"room"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// mark is the last line that was heard of somebody.
type mark struct {
	Session int64     `json:"session"`
	Line    int64     `json:"line"`
	At      time.Time `json:"at"`
}

type (
	// kept is the record of a notice.
	kept struct{}
	// look is the machine's timer, and the effect that reads the settings and keeps the ear
	// on Discord open; the answer are the Terms if they are new.
	look struct{ Terms Terms }
	// send is the effect that posts, sent its outcome.
	send struct{ Posts []post }
	sent struct {
		Done  []int64
		After time.Duration // what is not done is tried again then; 0: after a pause
	}
	// again is the machine's timer for that.
	again struct{}
	// speak is the effect that says lines here, spoken its outcome.
	speak  struct{ Lines []line }
	spoken struct {
		Done  []int64
		Again bool
	}
	// speakAgain is the machine's timer for that.
	speakAgain struct{}
	// link is the effect that uses a code; linked is what is answered.
	link struct {
		Message, Person, Code string
		User                  int64
	}
	linked struct{ Message, Person, Text string }
	// name is the effect that names the channels that say how many there are.
	name struct{}
	// unbridge is the effect of words that are not carried: nothing of who said them is.
	unbridge struct{ User int64 }
)

// State is the machine of the bridge.
type State struct {
	terms   Terms
	seq     int64
	posts   []post
	lines   []line
	heard   map[int64]mark    // by speaker
	came    map[string]string // last message by channel of Discord
	keys    []string          // of the last notices
	counted time.Time
	dropped int64 // posts and lines that nobody saw

	// Of this life only.
	sending, waiting   bool
	speaking, speakOff bool
	failed             int // times in a row
}

var (
	_ process.Machine = (*State)(nil)
	_ resident.Absent = (*State)(nil)
)

// NewState makes a bridge that is off until it has read how it is set.
func NewState() *State { return &State{heard: map[int64]mark{}, came: map[string]string{}} }

type stored struct {
	Terms   Terms             `json:"terms"`
	Seq     int64             `json:"seq"`
	Posts   []post            `json:"posts,omitempty"`
	Lines   []line            `json:"lines,omitempty"`
	Heard   map[int64]mark    `json:"heard,omitempty"`
	Came    map[string]string `json:"came,omitempty"`
	Keys    []string          `json:"keys,omitempty"`
	Counted time.Time         `json:"counted,omitzero"`
	Dropped int64             `json:"dropped,omitempty"`
}

// RestoreState makes a machine from a snapshot.
func RestoreState(snapshot []byte) (*State, error) {
	var d stored
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read the bridge's snapshot: %w", err)
	}
	s := NewState()
	s.terms, s.seq, s.posts, s.lines, s.keys, s.counted, s.dropped = d.Terms, d.Seq, d.Posts, d.Lines, d.Keys, d.Counted, d.Dropped
	if d.Heard != nil {
		s.heard = d.Heard
	}
	if d.Came != nil {
		s.came = d.Came
	}
	return s, nil
}

// Snapshot implements process.Machine; RestoreState is its reverse.
func (s *State) Snapshot() ([]byte, error) {
	b, err := json.Marshal(stored{s.terms, s.seq, s.posts, s.lines, s.heard, s.came, s.keys, s.counted, s.dropped})
	if err != nil {
		return nil, fmt.Errorf("write the bridge's snapshot: %w", err)
	}
	return b, nil
}

// Away implements resident.Absent.
func (s *State) Away() bool { return !s.terms.On }

// View implements process.Machine.
func (s *State) View() any { return resident.View{Online: s.terms.On} }

// Resume implements process.Machine: what the owner before has left is done first.
func (s *State) Resume() []process.Timer {
	s.waiting, s.speakOff = true, true
	return []process.Timer{{After: firstLook, Body: look{}}, {After: firstLook, Body: again{}}, {After: firstLook, Body: speakAgain{}}}
}

// Apply implements process.Machine.
func (s *State) Apply(c process.Command) (process.Outcome, error) {
	var out process.Outcome
	switch b := c.Body.(type) {
	case Heard:
		s.hear(b, c.At, &out)
	case Came:
		s.come(b, c.At, &out)
	case Notice:
		return s.notice(b, c.At)
	case Notify:
		return s.notify(b, c.At)
	case resident.Direct:
		out.Reply = resident.Says{Lines: []string{"I don't currently handle messages, sorry " + b.FromName}}
		if b.Rights.Bot {
			out.Reply = resident.Says{Lines: []string{}}
		}
	case look:
		out.Effects = append(out.Effects, look{s.terms})
		out.Timers = append(out.Timers, process.Timer{After: lookEvery, Body: look{}})
		s.count(c.At, &out)
	case Changed:
		out.Effects = append(out.Effects, look{s.terms})
	case Terms:
		s.set(b, &out)
	case sent:
		s.settle(b, &out)
	case again:
		s.waiting = false
	case spoken:
		s.said(b, &out)
	case speakAgain:
		s.speakOff = false
	case linked:
		s.post(post{Key: "direct/" + b.Message, Person: b.Person, Text: b.Text}, c.At)
	default:
		return process.Outcome{}, refusal.New(refusal.Invalid, "the bridge does not know %T", c.Body)
	}
	s.next(c.At, &out)
	return out, nil
}

// set takes the settings.
func (s *State) set(t Terms, out *process.Outcome) {
	was := s.terms.On
	s.terms = t
	if was != t.On {
		out.Events = append(out.Events, resident.Moved{Away: !t.On})
	}
	if !t.On { // nobody waits for what was said before it is on again
		s.posts = slices.DeleteFunc(s.posts, func(p post) bool { return !p.Notice })
		s.lines = nil
	}
}

// number is the next of what is carried. A bridge that lost its state must not give
// numbers again that listeners know.
func (s *State) number(at time.Time) int64 {
	s.seq = max(s.seq+1, at.UnixMilli())
	return s.seq
}

// post puts something into the queue to Discord. What is too much is lost: the oldest line of chat first.
func (s *State) post(p post, at time.Time) {
	if len(s.posts) >= mostPosts {
		i := slices.IndexFunc(s.posts, func(p post) bool { return !p.Notice })
		if i < 0 {
			i = 0
		}
		s.posts = slices.Delete(slices.Clone(s.posts), i, i+1)
		s.dropped++
	}
	p.Seq, p.At = s.number(at), at
	s.posts = append(s.posts, p)
}

func (s *State) hear(h Heard, at time.Time, out *process.Outcome) {
	last, known := s.heard[h.From]
	if !s.terms.On || known && (h.Session < last.Session || h.Session == last.Session && h.Line <= last.Line) {
		return
	}
	s.heard[h.From] = mark{h.Session, h.Line, at}
	s.forget(at)
	if s.terms.FromServer && s.terms.Rooms[h.Room] != "" && !h.Bot && s.terms.flagged(h.Text) {
		out.Effects = append(out.Effects, unbridge{h.From})
		return
	}
	if channel, text, ok := s.terms.outward(&h); ok {
		s.post(post{Key: fmt.Sprintf("line/%d/%d/%d", h.From, h.Session, h.Line), Channel: channel, Text: text}, at)
	}
}

func (s *State) forget(at time.Time) {
	if len(s.heard) < forgetFrom {
		return
	}
	for user, m := range s.heard {
		if at.Sub(m.At) > forgetAfter {
			delete(s.heard, user)
		}
	}
}

// come takes a message of Discord, unless it came before.
func (s *State) come(c Came, at time.Time, out *process.Outcome) {
	box := c.Channel
	if c.Direct {
		box = "direct" // ids rise over all channels; people write to the bridge seldom
	}
	last := s.came[box]
	if !s.terms.On || !before(last, c.ID) {
		return
	}
	if c.Direct {
		s.came[box] = c.ID
		s.direct(c, at, out)
		return
	}
	room, lines := s.terms.inward(&c)
	if room == "" {
		return
	}
	s.came[box] = c.ID
	for _, text := range lines {
		if len(s.lines) >= mostLines {
			s.dropped++
			continue
		}
		s.lines = append(s.lines, line{Seq: s.number(at), Room: room, Text: text, At: at})
	}
}

// direct answers a private message on Discord.
func (s *State) direct(c Came, at time.Time, out *process.Outcome) {
	if c.Bot {
		return
	}
	text := oneRow(c.Text)
	if m := linkOrder.FindStringSubmatch(text); m != nil {
		user, _ := strconv.ParseInt(m[1], 10, 64)
		out.Effects = append(out.Effects, link{Message: c.ID, Person: c.Author, User: user, Code: m[2]})
		return
	}
	answer := "I don't currently handle messages, sorry " + c.Name
	if text == "$discord" || text == "$help" {
		answer = textHelp
	}
	s.post(post{Key: "direct/" + c.ID, Person: c.Author, Text: answer}, at)
}

// notice takes what is to be posted once, and stores it.
func (s *State) notice(n Notice, at time.Time) (process.Outcome, error) {
	channel := s.terms.Posts[n.To]
	if channel == "" {
		channel = s.terms.Rooms[n.To]
	}
	if !s.terms.Read {
		return process.Outcome{}, refusal.New(refusal.Unavailable, "the bridge has not read yet how it is set")
	}
	if !s.terms.On || channel == "" || !s.fresh("notice/"+n.To+"/"+n.Key) {
		return process.Outcome{}, nil
	}
	s.post(post{Key: "notice/" + n.To + "/" + n.Key, Channel: channel, Text: cut(n.Text, mostText), Notice: true}, at)
	return s.keep(at), nil
}

func (s *State) notify(n Notify, at time.Time) (process.Outcome, error) {
	if !s.terms.On || !s.terms.Notify || !s.fresh("user/"+n.Key) {
		return process.Outcome{}, nil
	}
	s.post(post{Key: "user/" + n.Key, User: n.User, Text: cut(n.Text, mostText)}, at)
	return s.keep(at), nil
}

func (s *State) keep(at time.Time) process.Outcome {
	out := process.Outcome{Record: kept{}}
	s.next(at, &out)
	return out
}

// fresh remembers a key, and reports whether it is new.
func (s *State) fresh(key string) bool {
	if slices.Contains(s.keys, key) {
		return false
	}
	if len(s.keys) >= mostKeys {
		s.keys = slices.Delete(slices.Clone(s.keys), 0, len(s.keys)-mostKeys+1)
	}
	s.keys = append(s.keys, key)
	return true
}

// count has the channels named that say how many there are, now and then: Discord lets
// names be changed twice in ten minutes.
func (s *State) count(at time.Time, out *process.Outcome) {
	if !s.terms.On || !s.terms.Numbers || at.Sub(s.counted) < countEvery {
		return
	}
	s.counted = at
	out.Effects = append(out.Effects, name{})
}
