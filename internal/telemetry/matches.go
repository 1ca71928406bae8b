package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"teiserver/internal/job"
)

// Match is what is counted of a match that has ended.
type Match struct {
	Type              string // duel, small team, …
	Map               string
	Players           int64
	Started, Finished time.Time
}

// Matches is the row of a day or a month of matches.
type Matches struct {
	Total int64             `json:"total"`
	Types map[string]OfType `json:"types"`
	Maps  map[string]int64  `json:"maps"`
	Hours [24]int64         `json:"hours"` // in which they began
}

// OfType are the matches of one type.
type OfType struct {
	Matches int64 `json:"matches"`
	Players int64 `json:"players"` // seats, so one who plays twice counts twice
	Seconds int64 `json:"seconds"`
	Weight  int64 `json:"player_seconds"`
}

func newMatches() *Matches { return &Matches{Types: map[string]OfType{}, Maps: map[string]int64{}} }

func (m *Matches) count(one Match) {
	kind := one.Type
	if kind == "" {
		kind = "Unknown"
	}
	seconds := int64(max(0, one.Finished.Sub(one.Started)).Seconds())
	m.add(Matches{
		Total: 1,
		Types: map[string]OfType{kind: {1, one.Players, seconds, one.Players * seconds}},
		Maps:  map[string]int64{one.Map: 1},
	})
	m.Hours[one.Started.UTC().Hour()]++
}

func (m *Matches) add(o Matches) {
	m.Total += o.Total
	for kind, t := range o.Types {
		sum := m.Types[kind]
		sum.Matches += t.Matches
		sum.Players += t.Players
		sum.Seconds += t.Seconds
		sum.Weight += t.Weight
		m.Types[kind] = sum
	}
	for name, n := range o.Maps {
		m.Maps[name] += n
	}
	for hour, n := range o.Hours {
		m.Hours[hour] += n
	}
}

// matchDaysMost is how far back days of matches are made: a community that comes with
// years of matches has them made by the import.
const matchDaysMost = 400

// dueMatchDays lists the days since the first match.
func (s *Service) dueMatchDays(ctx context.Context, now time.Time) (days []string, err error) {
	first, err := s.o.Store.FirstMatch(ctx)
	if err != nil || first.IsZero() {
		return nil, err
	}
	today := job.Day.Begin(now)
	if oldest := today.AddDate(0, 0, -matchDaysMost); first.Before(oldest) {
		first = oldest
	}
	for day := job.Day.Begin(first); day.Before(today); day = job.Day.After(day) {
		days = append(days, job.Day.Name(day))
	}
	return days, nil
}

// matchDay is the job match-day.
func (s *Service) matchDay(ctx context.Context, r job.Run) error {
	begin, err := job.Day.Parse(r.Period)
	if err != nil {
		return err
	}
	ended, err := s.o.Store.Matches(ctx, begin, job.Day.After(begin))
	if err != nil {
		return fmt.Errorf("matches of %s: %w", r.Period, err)
	}
	sum := newMatches()
	for _, m := range ended {
		sum.count(m)
	}
	return s.put(ctx, r.Mark, unitMatchDay, sum, "", "")
}

// dueMatchMonths lists the complete months of which all days are made.
func (s *Service) dueMatchMonths(ctx context.Context, now time.Time) ([]string, error) {
	wanted, err := s.dueMatchDays(ctx, now)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	made, err := s.o.Store.Periods(ctx, unitMatchDay, "", job.Day.Name(now))
	if err != nil {
		return nil, fmt.Errorf("days of matches: %w", err)
	}
	known := map[string]bool{}
	for _, day := range made {
		known[day] = true
	}
	lacks := map[string]bool{}
	for _, day := range wanted {
		if !known[day] {
			lacks[nameOf(job.Month, day)] = true
		}
	}
	var months []string
	for _, month := range complete(job.Month, made, now) {
		if !lacks[month] {
			months = append(months, month)
		}
	}
	return months, nil
}

// matchMonth is the job match-month.
func (s *Service) matchMonth(ctx context.Context, r job.Run) error {
	begin, err := job.Month.Parse(r.Period)
	if err != nil {
		return err
	}
	rows, err := s.o.Store.Rows(ctx, unitMatchDay, job.Day.Name(begin), job.Day.Name(job.Month.After(begin)))
	if err != nil {
		return fmt.Errorf("days of %s: %w", r.Period, err)
	}
	sum := newMatches()
	for _, row := range rows {
		var day Matches
		if err := json.Unmarshal(row.Data, &day); err != nil {
			return fmt.Errorf("day %s: %w", row.Period, err)
		}
		sum.add(day)
	}
	return s.put(ctx, r.Mark, unitMatchMonth, sum, "", "")
}
