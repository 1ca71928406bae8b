package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/monitor"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// Hosts say once how their games go, and ask nobody whether it was heard. So a report
// that the match monitor could not take is held here, and given to it in the order of
// its host, with the time at which it was said, as soon as it takes anything. It stays
// when the host's connection ends: the game was played all the same.

// The numbers of reporting.
const (
	mostReports     = 1000     // of one host
	mostReportBytes = 64 << 20 // of all
	reportFor       = time.Hour
	// While the monitor does not answer it is asked after pauses, which double.
	firstReportPause = 250 * time.Millisecond
	mostReportPause  = 2 * time.Second
	reportTry        = 2 * time.Second
)

// errReports says that a report is not even held.
var errReports = errors.New("too many reports wait")

var monitorKey = resident.Key(monitor.Kind)

// report gives what a host says of its game to the match monitor, before the room hears
// it: a line that others see has been stored, or is held until the monitor is there.
func (c *Client) report(ctx context.Context, channel, text string) {
	if channel != monitor.Room || !monitor.Hears(text) {
		return
	}
	h := monitor.Heard{
		From: c.who.User, FromName: c.user.Name, Session: c.who.Session, Line: c.lines, Text: text, At: c.svc.now(),
	}
	if in, inside := c.svc.Roster.LobbyOf(c.who.User); inside && in.Info.Founder.User == c.who.User {
		h.Lobby = in.Info.ID
	}
	if _, err := c.give(ctx, h, len(text)); err != nil && !errors.Is(err, errReports) { // who spoke hears nothing of it
		c.svc.Log.Error("report given up", "user", c.who.User, "err", err)
	}
}

// tellMonitor gives the monitor a private message of somebody who may report.
func (c *Client) tellMonitor(ctx context.Context, d resident.Direct) (any, error) {
	c.lines++ // one order with the lines of the room
	d.Session, d.Line, d.At = c.who.Session, c.lines, c.svc.now()
	return c.give(ctx, d, len(d.Text))
}

// give sends a report, or holds it: behind those that wait, or because nobody takes it.
func (c *Client) give(ctx context.Context, command any, size int) (reply any, err error) {
	if !c.svc.reports.waits(c.who.User) {
		reply, err = c.call(ctx, monitorKey, command)
		if !untaken(err) {
			return reply, err
		}
	}
	if !c.svc.reports.add(c.who.User, command, size) {
		c.svc.Log.Error("report given up", "user", c.who.User, "err", errReports)
		return nil, errReports
	}
	c.svc.Log.Debug("report held", "user", c.who.User, "err", err)
	return nil, nil
}

// untaken reports that a report may be taken later.
func untaken(err error) bool {
	r, refused := refusal.As(err)
	return errors.Is(err, cluster.ErrUnavailable) || refused && r.Code == refusal.Unavailable
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// reports are what hosts of this node have said and the monitor has not taken.
type reports struct {
	wake chan struct{}

	mu    sync.Mutex
	list  []*heldReport // of all, in the order in which they were said
	of    map[int64]int // how many of each host
	bytes int
}

type heldReport struct {
	host    int64
	command any
	size    int
	since   time.Time
}

func newReports() *reports {
	return &reports{wake: make(chan struct{}, 1), of: map[int64]int{}}
}

// waits reports whether something of a host is held: what comes later waits behind.
func (r *reports) waits(host int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[host] > 0
}

// add holds a report. False if there is no room.
func (r *reports) add(host int64, command any, size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of[host] >= mostReports || r.bytes+size > mostReportBytes {
		return false
	}
	r.list = append(r.list, &heldReport{host, command, size, time.Now()})
	r.of[host]++
	r.bytes += size
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return true
}

// next is the first report of a host that is not left out.
func (r *reports) next(leave func(host int64) bool) *heldReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	skip := map[int64]bool{}
	for _, x := range r.list {
		out, known := skip[x.host]
		if !known {
			out = leave(x.host)
			skip[x.host] = out
		}
		if !out {
			return x
		}
	}
	return nil
}

func (r *reports) done(x *heldReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.list, x)
	if i < 0 {
		return
	}
	r.list = slices.Delete(r.list, i, i+1)
	r.bytes -= x.size
	if r.of[x.host]--; r.of[x.host] == 0 {
		delete(r.of, x.host)
	}
}

func (r *reports) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

// sendReports gives the monitor what is held whenever something is, until ctx ends, and
// then once more: the node stops.
func (s *Service) sendReports(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-s.reports.wake:
		case <-ctx.Done():
		}
		for pause := firstReportPause; ctx.Err() == nil && s.reports.count() > 0; {
			if s.sendSome(ctx) {
				pause = firstReportPause
			}
			select {
			case <-time.After(pause):
				pause = min(2*pause, mostReportPause)
			case <-ctx.Done():
			}
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTry)
	defer cancel()
	s.sendSome(last)
	if n := s.reports.count(); n > 0 {
		s.Log.Error("reports given up: the node stops", "reports", n)
	}
}

// sendSome sends reports until one is not taken, and reports whether any was.
func (s *Service) sendSome(ctx context.Context) (some bool) {
	for {
		x := s.reports.next(s.changesLobby)
		if x == nil {
			return some
		}
		try, cancel := context.WithTimeout(ctx, reportTry)
		_, err := s.Runtime.Call(try, monitorKey, x.command)
		cancel()
		switch old := time.Since(x.since) > reportFor; {
		case untaken(err) && !old:
			return some
		case err != nil:
			s.Log.Error("report given up", "user", x.host, "err", err)
		default:
			some = true
		}
		s.reports.done(x)
	}
}

// changesLobby reports whether a host waits for its lobby to hear what it has changed
// there: a match that starts is to be recorded with that.
func (s *Service) changesLobby(host int64) bool {
	c := s.clientOf(host)
	return c != nil && !c.ended.Load() && c.held.first() != nil
}
