package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/job"
	"teiserver/internal/setting"
)

// Units of rows.
const (
	unitMinute     = string(job.Minute)
	unitDay        = string(job.Day)
	unitMatchDay   = "match day"
	unitMatchMonth = "match month"
)

// Gauges are numbers of who and what was there at a time.
type Gauges struct {
	Users      float64 `json:"users"`
	Players    float64 `json:"players"`
	Spectators float64 `json:"spectators"`
	Lobbies    float64 `json:"lobbies"`
	InProgress float64 `json:"in_progress"`
	Bots       float64 `json:"bots"`
}

func (g *Gauges) add(o Gauges, times float64) {
	g.Users += times * o.Users
	g.Players += times * o.Players
	g.Spectators += times * o.Spectators
	g.Lobbies += times * o.Lobbies
	g.InProgress += times * o.InProgress
	g.Bots += times * o.Bots
}

func (g *Gauges) raise(o Gauges) {
	g.Users = max(g.Users, o.Users)
	g.Players = max(g.Players, o.Players)
	g.Spectators = max(g.Spectators, o.Spectators)
	g.Lobbies = max(g.Lobbies, o.Lobbies)
	g.InProgress = max(g.InProgress, o.InProgress)
	g.Bots = max(g.Bots, o.Bots)
}

// Spent is how many minutes users spent, all together.
type Spent struct {
	Player    int64 `json:"player"`
	Spectator int64 `json:"spectator"`
	Lobby     int64 `json:"lobby"`
	Menu      int64 `json:"menu"`
	Total     int64 `json:"total"`
}

func (s *Spent) add(o Spent) {
	s.Player += o.Player
	s.Spectator += o.Spectator
	s.Lobby += o.Lobby
	s.Menu += o.Menu
	s.Total += o.Total
}

// Summary is the row of a day or of a longer period.
type Summary struct {
	Minutes  int64            `json:"minutes"` // rows of minutes that it is made of
	Peak     Gauges           `json:"peak"`
	Average  Gauges           `json:"average"` // over the minutes
	Spent    Spent            `json:"spent"`
	Users    int64            `json:"unique_users"`
	Players  int64            `json:"unique_players"`
	Created  int64            `json:"accounts_created"`
	Counters map[string]int64 `json:"counters"`
	Hours    []Hour           `json:"hours,omitempty"` // of a day: those with rows
}

// Hour is a part of a day.
type Hour struct {
	Hour    int    `json:"hour"`
	Minutes int64  `json:"minutes"`
	Peak    Gauges `json:"peak"`
	Average Gauges `json:"average"`
	Users   int64  `json:"unique_users"`
}

// newSummary makes one to which others are added.
func newSummary() *Summary { return &Summary{Counters: map[string]int64{}} }

// join adds the row of a shorter period: averages by their minutes.
func (s *Summary) join(o Summary) {
	s.Peak.raise(o.Peak)
	var sum Gauges
	sum.add(s.Average, float64(s.Minutes))
	sum.add(o.Average, float64(o.Minutes))
	s.Minutes += o.Minutes
	s.Average = Gauges{}
	if s.Minutes > 0 {
		s.Average.add(sum, 1/float64(s.Minutes))
	}
	s.Spent.add(o.Spent)
	s.Created += o.Created
	for name, n := range o.Counters {
		s.Counters[name] += n
	}
}

// daySummary makes the row of a day of its minutes, in order.
func daySummary(rows []Minute, hours []int) *Summary {
	day := newSummary()
	users, players := map[int64]bool{}, map[int64]bool{}
	var (
		part   *Summary
		inHour map[int64]bool
		hour   = -1
	)
	end := func() {
		if part != nil {
			day.join(*part)
			day.Hours = append(day.Hours, Hour{hour, part.Minutes, part.Peak, part.Average, int64(len(inHour))})
		}
	}
	for i, m := range rows {
		if hours[i] != hour {
			end()
			part, inHour, hour = newSummary(), map[int64]bool{}, hours[i]
		}
		part.join(m.summary())
		for _, list := range [][]int64{m.Client.Player, m.Client.Spectator, m.Client.Lobby, m.Client.Menu} {
			for _, user := range list {
				users[user], inHour[user] = true, true
			}
		}
		for _, user := range m.Client.Player {
			players[user] = true
		}
	}
	end()
	day.Users, day.Players = int64(len(users)), int64(len(players))
	return day
}

// summary is a minute as a period.
func (m Minute) summary() Summary {
	c := m.Client
	now := Gauges{
		Users: float64(c.total()), Players: float64(len(c.Player)), Spectators: float64(len(c.Spectator)),
		Lobbies: float64(m.Lobbies), InProgress: float64(m.InProgress), Bots: float64(len(m.Bots)),
	}
	return Summary{
		Minutes: 1, Peak: now, Average: now, Counters: m.Counters,
		Spent: Spent{
			int64(len(c.Player)), int64(len(c.Spectator)), int64(len(c.Lobby)), int64(len(c.Menu)), int64(c.total()),
		},
	}
}

// minutesOf reads the minutes of a day, an hour at a time.
func (s *Service) minutesOf(ctx context.Context, day string, each func(hour int, m Minute)) error {
	begin, err := job.Day.Parse(day)
	if err != nil {
		return err
	}
	for hour := range 24 {
		from := begin.Add(time.Duration(hour) * time.Hour)
		rows, err := s.o.Store.Rows(ctx, unitMinute, job.Minute.Name(from), job.Minute.Name(from.Add(time.Hour)))
		if err != nil {
			return fmt.Errorf("minutes of %s: %w", day, err)
		}
		for _, row := range rows {
			var m Minute
			if err := json.Unmarshal(row.Data, &m); err != nil {
				return fmt.Errorf("minute %s: %w", row.Period, err)
			}
			each(hour, m)
		}
	}
	return nil
}

// dueDays lists the days before today of which there are minutes.
func (s *Service) dueDays(ctx context.Context, now time.Time) ([]string, error) {
	if !setting.Telemetry.Get(ctx, s.o.Settings) {
		return nil, nil
	}
	days, err := s.o.Store.MinuteDays(ctx)
	if err != nil {
		return nil, fmt.Errorf("days with minutes: %w", err)
	}
	return slices.DeleteFunc(days, func(d string) bool { return !job.Day.Complete(d, now) }), nil
}

// day is the job server-day.
func (s *Service) day(ctx context.Context, r job.Run) error {
	var (
		rows  []Minute
		hours []int
	)
	if err := s.minutesOf(ctx, r.Period, func(hour int, m Minute) { rows, hours = append(rows, m), append(hours, hour) }); err != nil {
		return err
	}
	sum := daySummary(rows, hours)
	begin, err := job.Day.Parse(r.Period)
	if err != nil {
		return err
	}
	if sum.Created, err = s.o.Store.Created(ctx, begin, job.Day.After(begin)); err != nil {
		return fmt.Errorf("accounts made on %s: %w", r.Period, err)
	}
	old, err := s.trimTo(ctx, r.Now)
	if err != nil {
		return err
	}
	return s.put(ctx, r.Mark, unitDay, sum, unitMinute, old)
}

// trimTo is the minute before which rows go: no day that is not summed yet loses any.
func (s *Service) trimTo(ctx context.Context, now time.Time) (string, error) {
	old := job.Day.Begin(now.AddDate(0, 0, -setting.MinuteDays.Get(ctx, s.o.Settings)))
	days, err := s.dueDays(ctx, now)
	if err != nil || len(days) == 0 {
		return "", err
	}
	for _, name := range []string{job.ServerDay, job.ActivityDay} {
		marked, err := s.o.Marked(ctx, name, days[0])
		if err != nil {
			return "", fmt.Errorf("what is done of %s: %w", name, err)
		}
		for _, d := range days {
			if slices.Contains(marked, d) {
				continue
			}
			if begin, err := job.Day.Parse(d); err == nil && begin.Before(old) {
				old = begin
			}
			break
		}
	}
	return job.Minute.Name(old), nil
}

func (s *Service) put(ctx context.Context, m job.Mark, unit string, row any, trim, before string) error {
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("write the row: %w", err)
	}
	return s.o.Store.PutRow(ctx, m, unit, data, trim, before)
}

// dueSpans lists the complete periods of a unit that have days, once all their days are
// summed and their activity is known.
func (s *Service) dueSpans(unit job.Unit) func(ctx context.Context, now time.Time) ([]string, error) {
	return func(ctx context.Context, now time.Time) ([]string, error) {
		days, err := s.o.Store.Periods(ctx, unitDay, "", job.Day.Name(now))
		if err != nil || len(days) == 0 {
			return nil, err
		}
		active, err := s.o.Marked(ctx, job.ActivityDay, days[0])
		if err != nil {
			return nil, fmt.Errorf("what is done of %s: %w", job.ActivityDay, err)
		}
		waiting, err := s.waiting(ctx, now)
		if err != nil {
			return nil, err
		}
		periods := complete(unit, days, now)
		return slices.DeleteFunc(periods, func(p string) bool {
			lacks := func(day string) bool { return nameOf(unit, day) == p }
			return slices.ContainsFunc(waiting, lacks) || slices.ContainsFunc(days, func(day string) bool {
				return lacks(day) && !slices.Contains(active, day)
			})
		}), nil
	}
}

// waiting lists the days with minutes that are not summed yet.
func (s *Service) waiting(ctx context.Context, now time.Time) ([]string, error) {
	days, err := s.dueDays(ctx, now)
	if err != nil || len(days) == 0 {
		return nil, err
	}
	marked, err := s.o.Marked(ctx, job.ServerDay, days[0])
	if err != nil {
		return nil, fmt.Errorf("what is done of %s: %w", job.ServerDay, err)
	}
	return slices.DeleteFunc(days, func(d string) bool { return slices.Contains(marked, d) }), nil
}

// nameOf names the period of a unit in which a day lies.
func nameOf(unit job.Unit, day string) string {
	t, err := job.Day.Parse(day)
	if err != nil {
		return ""
	}
	return unit.Name(t)
}

// complete lists the periods of a unit in which days lie and that are over.
func complete(unit job.Unit, days []string, now time.Time) (periods []string) {
	for _, day := range days {
		p := nameOf(unit, day)
		if p != "" && !slices.Contains(periods, p) && unit.Complete(p, now) {
			periods = append(periods, p)
		}
	}
	return periods
}

// span is the job that makes the rows of a unit of those of days.
func (s *Service) span(unit job.Unit) func(ctx context.Context, r job.Run) error {
	return func(ctx context.Context, r job.Run) error {
		begin, err := unit.Parse(r.Period)
		if err != nil {
			return err
		}
		from, before := job.Day.Name(begin), job.Day.Name(unit.After(begin))
		rows, err := s.o.Store.Rows(ctx, unitDay, from, before)
		if err != nil {
			return fmt.Errorf("days of %s: %w", r.Period, err)
		}
		sum := newSummary()
		for _, row := range rows {
			var day Summary
			if err := json.Unmarshal(row.Data, &day); err != nil {
				return fmt.Errorf("day %s: %w", row.Period, err)
			}
			sum.join(day)
		}
		if sum.Users, sum.Players, err = s.o.Store.Active(ctx, from, before); err != nil {
			return fmt.Errorf("who was active in %s: %w", r.Period, err)
		}
		return s.put(ctx, r.Mark, string(unit), sum, "", "")
	}
}
