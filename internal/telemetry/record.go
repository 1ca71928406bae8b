package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"teiserver/internal/setting"
)

// Families of events.
const (
	FamilyClient = "client"
	FamilyAnon   = "anon"
	FamilyServer = "server"
	FamilyLobby  = "lobby"
	FamilyMatch  = "match"
)

// Event is something that happened, as somebody tells it.
type Event struct {
	Family   string
	Name     string
	User     int64  // 0: nobody, or a stranger
	Hash     string // of a stranger
	Match    int64
	GameTime int64  // seconds, of an event of a match
	Value    string // JSON; empty for a simple event
	Once     string // names an event that may be told again; empty: it is told once, and gets a name
	At       time.Time
}

// Property is the newest value of something of a user, or of a stranger.
type Property struct {
	User  int64
	Hash  string
	Name  string
	Value string
	At    time.Time
}

// Infolog is what a client uploaded after something went wrong.
type Infolog struct {
	ID       int64
	User     int64
	Hash     string
	Type     string
	Metadata string // JSON
	Contents string
	At       time.Time
}

// Bounds of what is kept.
const (
	MaxName     = 128
	MaxValue    = 1024 // of a simple event and of a property
	MaxComplex  = 4096 // of an event with a value, as JSON
	MaxInfolog  = 2 << 20
	MaxMetadata = 16 << 10
)

// Bounds of what waits to be written. What comes while so much waits is dropped.
const (
	waitingMost = 4096
	writeMost   = 200
	writeEvery  = time.Second
)

// ErrOff says that telemetry is switched off, ErrTooMuch that more came than is kept,
// ErrTooLong and ErrCharacters what is wrong with a name or value.
var (
	ErrOff        = errors.New("telemetry: switched off")
	ErrTooMuch    = errors.New("telemetry: too much at once")
	ErrTooLong    = errors.New("telemetry: too long")
	ErrCharacters = errors.New("telemetry: invalid characters")
)

// recorder writes behind those who tell: at most a second later, many at a time.
type recorder struct {
	s *Service

	mu         sync.Mutex
	events     []Event
	properties []Property
	count      int64 // of events, to name them
	full       chan struct{}
}

func newRecorder(s *Service) *recorder { return &recorder{s: s, full: make(chan struct{}, 1)} }

// check looks at what is the same for all.
func check(name, hash, value string, most int) error {
	switch {
	case name == "" || len(name) > MaxName || len(hash) > MaxName || len(value) >= most:
		return ErrTooLong
	case !plain(name) || !plain(hash) || !plain(value):
		return ErrCharacters
	}
	return nil
}

// plain reports text that both databases take.
func plain(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for i := range len(text) {
		if text[i] == 0 {
			return false
		}
	}
	return true
}

// Record keeps an event. It returns at once; what is wrong with it, or that too many
// wait, is the error.
func (s *Service) Record(ctx context.Context, e Event) error {
	most := MaxComplex
	if e.Value == "" {
		most = MaxValue
	}
	if err := check(e.Name, e.Hash, e.Value, most); err != nil {
		return err
	}
	if !setting.Telemetry.Get(ctx, s.o.Settings) {
		return ErrOff
	}
	if e.At.IsZero() {
		e.At = s.o.Now()
	}
	r := s.recorder
	r.mu.Lock()
	if len(r.events)+len(r.properties) >= waitingMost {
		r.mu.Unlock()
		s.Counters.Dropped.Add(1)
		return ErrTooMuch
	}
	if e.Once == "" {
		r.count++
		e.Once = fmt.Sprintf("%d.%d", s.reporter.life, r.count)
	}
	r.events = append(r.events, e)
	r.wakeIfFull()
	r.mu.Unlock()
	s.Counters.Events.Add(1)
	if s.o.OnEvent != nil {
		s.o.OnEvent(e)
	}
	return nil
}

// SetProperty keeps the value of a property, as Record.
func (s *Service) SetProperty(ctx context.Context, p Property) error {
	if err := check(p.Name, p.Hash, p.Value, MaxValue); err != nil {
		return err
	}
	if !setting.Telemetry.Get(ctx, s.o.Settings) {
		return ErrOff
	}
	if p.At.IsZero() {
		p.At = s.o.Now()
	}
	if p.User != 0 {
		p.Hash = ""
	}
	r := s.recorder
	r.mu.Lock()
	if len(r.events)+len(r.properties) >= waitingMost {
		r.mu.Unlock()
		s.Counters.Dropped.Add(1)
		return ErrTooMuch
	}
	r.properties = append(r.properties, p)
	r.wakeIfFull()
	r.mu.Unlock()
	s.Counters.Properties.Add(1)
	if s.o.OnProperty != nil {
		s.o.OnProperty(p)
	}
	return nil
}

// sequenceInfolog numbers infologs.
const sequenceInfolog = "infolog"

// Upload keeps an infolog and returns its number.
func (s *Service) Upload(ctx context.Context, l Infolog) (int64, error) {
	if err := check(l.Type, l.Hash, "", MaxValue); err != nil {
		return 0, err
	}
	switch {
	case len(l.Contents) > MaxInfolog || len(l.Metadata) > MaxMetadata:
		return 0, ErrTooLong
	case !plain(l.Contents) || !plain(l.Metadata):
		return 0, ErrCharacters
	case !setting.Telemetry.Get(ctx, s.o.Settings):
		return 0, ErrOff
	}
	id, err := s.o.Runtime.Next(ctx, sequenceInfolog)
	if err != nil {
		return 0, fmt.Errorf("number an infolog: %w", err)
	}
	l.ID, l.At = id, s.o.Now()
	if err := s.o.Store.PutInfolog(ctx, l); err != nil {
		return 0, fmt.Errorf("keep an infolog: %w", err)
	}
	s.Counters.Infologs.Add(1)
	return id, nil
}

// wakeIfFull has a batch written that is full. The lock is held.
func (r *recorder) wakeIfFull() {
	if len(r.events) < writeMost && len(r.properties) < writeMost {
		return
	}
	select {
	case r.full <- struct{}{}:
	default:
	}
}

func (r *recorder) run(ctx context.Context) {
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeEvery)
			defer cancel()
			for r.write(last) {
			}
			return
		case <-tick.C:
		case <-r.full:
		}
		for r.write(ctx) {
		}
	}
}

// write writes a batch. It reports whether there may be more. What is not written waits,
// in bounds; an event whose write had no clear outcome is known by its name.
func (r *recorder) write(ctx context.Context) (more bool) {
	r.mu.Lock()
	events := r.events[:min(len(r.events), writeMost)]
	properties := r.properties[:min(len(r.properties), writeMost)]
	r.mu.Unlock()
	if len(events) > 0 {
		if err := r.s.o.Store.PutEvents(ctx, events); err != nil {
			r.s.o.Log.Warn("events not written", "events", len(events), "err", err)
			return false
		}
	}
	if len(properties) > 0 {
		if err := r.s.o.Store.PutProperties(ctx, newest(properties)); err != nil {
			r.s.o.Log.Warn("properties not written", "properties", len(properties), "err", err)
			properties = nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = slices.Clone(r.events[len(events):])
	r.properties = slices.Clone(r.properties[len(properties):])
	return len(events) == writeMost || len(properties) == writeMost
}

// newest leaves the last value of each property.
func newest(list []Property) []Property {
	type key struct {
		user       int64
		hash, name string
	}
	last := map[key]int{}
	for i, p := range list {
		last[key{p.User, p.Hash, p.Name}] = i
	}
	kept := make([]Property, 0, len(last))
	for i, p := range list {
		if last[key{p.User, p.Hash, p.Name}] == i {
			kept = append(kept, p)
		}
	}
	return kept
}
