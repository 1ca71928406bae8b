package job

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/setting"
)

// BindHourly binds the job hourly-cleanup: what else there is to clean, one step after
// the other, and then the marks that can no longer come up.
func (s *Service) BindHourly(others ...func(ctx context.Context, r Run) (Step, error)) {
	s.Bind(HourlyCleanup, Work{Next: func(ctx context.Context, r Run) (Step, error) {
		for _, other := range append(others, s.trimMarks) {
			if step, err := other(ctx, r); err != nil || step.Write != nil {
				return step, err
			}
		}
		return Step{}, nil
	}})
}

// trimMarks finds a job with old marks, of minutes, hours and half days. They stay for days:
// a node that was paused for longer has lost its lease by far. Days and longer periods keep
// theirs: they are few, and say which rows have been made.
func (s *Service) trimMarks(ctx context.Context, r Run) (Step, error) {
	kept := setting.MarkDays.Get(ctx, s.o.Settings)
	for _, j := range Table {
		unit := j.Every.Unit
		if j.Each != "" || unit != Minute && unit != Hour && unit != HalfDay {
			continue
		}
		before := unit.Name(r.Now.AddDate(0, 0, -kept))
		oldest, err := s.o.Store.OldestMark(ctx, j.Name)
		if err != nil {
			return Step{}, fmt.Errorf("oldest mark of %s: %w", j.Name, err)
		}
		if oldest == "" || oldest >= before {
			continue
		}
		return Step{Write: func(ctx context.Context, f registry.Fence) error {
			return s.o.Store.TrimMarks(ctx, f, j.Name, before)
		}}, nil
	}
	return Step{}, nil
}
