package telemetry

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/setting"
)

// cleanPause is between two steps of a clean-up, for others to get at the database.
const cleanPause = 200 * time.Millisecond

// cleaner deletes what is older than so many days, a few at a time.
func (s *Service) cleaner(sort Old, days *setting.Setting[int], most int) func(ctx context.Context, r job.Run) (job.Step, error) {
	return func(ctx context.Context, _ job.Run) (job.Step, error) {
		return s.cleanStep(ctx, sort, time.Duration(days.Get(ctx, s.o.Settings))*24*time.Hour, most)
	}
}

// cleanStep is empty if nothing is too old.
func (s *Service) cleanStep(ctx context.Context, sort Old, age time.Duration, most int) (job.Step, error) {
	some, err := s.o.Store.HasOld(ctx, sort, age)
	if err != nil {
		return job.Step{}, fmt.Errorf("look for old %s: %w", sort, err)
	}
	if !some {
		return job.Step{}, nil
	}
	return job.Step{Pause: cleanPause, Write: func(ctx context.Context, f registry.Fence) error {
		return s.o.Store.DropOld(ctx, f, sort, age, most)
	}}, nil
}

// CleanChat finds the next step of what was said in lobbies and is too old.
func (s *Service) CleanChat(ctx context.Context, r job.Run) (job.Step, error) {
	return s.cleaner(OldChat, setting.LobbyChatDays, 500)(ctx, r)
}

// cleanEvents is the job event-cleanup: events, and properties of strangers, who are not
// heard of again.
func (s *Service) cleanEvents(ctx context.Context, _ job.Run) (job.Step, error) {
	age := time.Duration(setting.EventDays.Get(ctx, s.o.Settings)) * 24 * time.Hour
	for _, sort := range []Old{OldEvents, OldProperties} {
		step, err := s.cleanStep(ctx, sort, age, 500)
		if err != nil || step.Write != nil {
			return step, err
		}
	}
	return job.Step{}, nil
}
