package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
)

// Activity is how many minutes a user did what on a day.
type Activity struct {
	Day                            string
	User                           int64
	Menu, Lobby, Spectator, Player int64
}

// The sizes of steps.
const (
	activityChunk = 200
	accountsChunk = 50
)

// dayCache remembers the activity of the day that is being written: it is read from all
// its minutes.
type dayCache struct {
	mu   sync.Mutex
	day  string
	rows []Activity // by user
}

// activityOf integrates the minutes of a day.
func (s *Service) activityOf(ctx context.Context, day string) ([]Activity, error) {
	s.days.mu.Lock()
	defer s.days.mu.Unlock()
	if s.days.day == day {
		return s.days.rows, nil
	}
	users := map[int64]*Activity{}
	of := func(user int64) *Activity {
		a := users[user]
		if a == nil {
			a = &Activity{Day: day, User: user}
			users[user] = a
		}
		return a
	}
	err := s.minutesOf(ctx, day, func(_ int, m Minute) {
		for _, u := range m.Client.Menu {
			of(u).Menu++
		}
		for _, u := range m.Client.Lobby {
			of(u).Lobby++
		}
		for _, u := range m.Client.Spectator {
			of(u).Spectator++
		}
		for _, u := range m.Client.Player {
			of(u).Player++
		}
	})
	if err != nil {
		return nil, err
	}
	rows := make([]Activity, 0, len(users))
	for _, a := range slices.SortedFunc(maps.Values(users), func(a, b *Activity) int { return cmp.Compare(a.User, b.User) }) {
		rows = append(rows, *a)
	}
	s.days.day, s.days.rows = day, rows
	return rows, nil
}

// activityDay is the job activity-day: users in the order of their ids, so that whoever
// goes on knows where.
func (s *Service) activityDay(ctx context.Context, r job.Run) (job.Step, error) {
	rows, err := s.activityOf(ctx, r.Period)
	if err != nil {
		return job.Step{}, err
	}
	last, err := s.o.Store.LastActivity(ctx, r.Period)
	if err != nil {
		return job.Step{}, fmt.Errorf("where the activity of %s ends: %w", r.Period, err)
	}
	at, found := slices.BinarySearchFunc(rows, last, func(a Activity, user int64) int { return cmp.Compare(a.User, user) })
	if found {
		at++
	}
	if rows = rows[at:]; len(rows) == 0 {
		s.days.forget()
		return job.Step{}, nil
	}
	chunk := rows[:min(activityChunk, len(rows))]
	return job.Step{Write: func(ctx context.Context, f registry.Fence) error {
		return s.o.Store.PutActivity(ctx, f, r.Period, chunk)
	}}, nil
}

func (d *dayCache) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.day, d.rows = "", nil
}

// playMinutes is the job play-minutes: days whose activity is complete.
func (s *Service) playMinutes(ctx context.Context, r job.Run) (job.Step, error) {
	marked, err := s.o.Marked(ctx, job.ActivityDay, "")
	if err != nil || len(marked) == 0 {
		return job.Step{}, err
	}
	newest, err := job.Day.Parse(slices.Max(marked))
	if err != nil {
		return job.Step{}, err
	}
	rows, err := s.o.Store.DueActivity(ctx, job.Day.Name(job.Day.After(newest)), accountsChunk)
	if err != nil {
		return job.Step{}, fmt.Errorf("activity that accounts lack: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(a Activity) bool { return !slices.Contains(marked, a.Day) })
	if len(rows) == 0 {
		return job.Step{}, nil
	}
	return job.Step{Write: func(ctx context.Context, f registry.Fence) error { return s.o.Store.CountActivity(ctx, f, rows) }}, nil
}
