package moderation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
)

// Texts of refused reports, as clients know them.
const (
	textDenied   = "permission denied"
	textNoReason = "no reason given"
)

// Report takes what a user says of another one. Refusals: Forbidden, Invalid.
func (s *Service) Report(ctx context.Context, r Report) (Report, error) {
	r.check()
	st, err := s.Standing(ctx, r.Reporter)
	if err != nil {
		return Report{}, err
	}
	switch {
	case r.Target == 0 || r.Target == r.Reporter, st.Shadowbanned, st.Restricted(s.now(), Reporting, Community):
		return Report{}, refusal.New(refusal.Forbidden, textDenied)
	case r.Text == "":
		return Report{}, refusal.New(refusal.Invalid, textNoReason)
	}
	n, err := s.store.ReportsSince(ctx, r.Reporter, time.Hour)
	if err != nil {
		return Report{}, fmt.Errorf("count reports of user %d: %w", r.Reporter, err)
	}
	if n >= reportsPerHour {
		return Report{}, refusal.New(refusal.Forbidden, textDenied)
	}
	done, err := s.store.AddReport(ctx, r)
	if err != nil {
		return Report{}, fmt.Errorf("report of user %d: %w", r.Reporter, err)
	}
	s.log.InfoContext(ctx, "user reported", "user", r.Target, "key", done.ID, "kind", r.Place)
	return done, nil
}

// CloseReport closes a report, with the action that came of it, 0 if none did.
func (s *Service) CloseReport(ctx context.Context, id, action int64, by Actor) (Report, error) {
	r, err := s.store.CloseReport(ctx, id, by.User, action, s.entry(ReportClosed, by, map[string]any{"report_id": id, "action_id": action}))
	if err != nil {
		return r, fmt.Errorf("close report %d: %w", id, err)
	}
	return r, nil
}

// Actions are those of which a user is reminded: that its words stay inside the server is
// nothing to be reminded of, nor are notes.
func (s *Service) Actions(ctx context.Context, user int64) ([]Action, error) {
	st, err := s.Standing(ctx, user)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(st.Active(s.now()), func(a Action) bool { return !a.tells() }), nil
}

// tells reports an action of which its user is told.
func (a *Action) tells() bool {
	return slices.ContainsFunc(a.Restrictions, func(r string) bool { return r != Bridging && r != Note })
}

// Restricted says why a user is restricted, for everybody.
func (s *Service) Restricted(ctx context.Context, user int64) (reasons []string, err error) {
	actions, err := s.Actions(ctx, user)
	for _, a := range actions {
		if !a.Hidden {
			reasons = append(reasons, a.Reason)
		}
	}
	return reasons, err
}

// kinMost is how many names are listed.
const kinMost = 20

// Smurfs are the names of accounts that belong to the same person, or may.
func (s *Service) Smurfs(ctx context.Context, user int64) ([]string, error) {
	return s.store.Kin(ctx, user, kinMost)
}

// MadeBot implements account.Verdicts.
func (s *Service) MadeBot(by int64, bot *account.User) *account.Act {
	return &account.Act{Action: BotCreated, User: by, Details: map[string]any{"user_id": bot.ID, "name": bot.Name}}
}

// Audit adds a row to the audit log for what is done elsewhere.
func (s *Service) Audit(ctx context.Context, action string, by Actor, details map[string]any) error {
	if err := s.store.AddEntry(ctx, s.entry(action, by, details)); err != nil {
		return fmt.Errorf("audit %q: %w", action, err)
	}
	return nil
}
