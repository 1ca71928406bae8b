package account

import "context"

// Verdicts are what moderators have decided about accounts, and package moderation knows.
// Each refuses with the text that clients know, or is an error: then it could not be decided.
type Verdicts interface {
	// MayTry is asked before anything is said about a name that exists.
	MayTry(ctx context.Context, user int64) error
	// MayLogIn is asked when the password was right.
	MayLogIn(ctx context.Context, u *User, ip string) error
	MayRegister(ctx context.Context, ip string) error
	MayRename(ctx context.Context, user int64) error
	// MadeBot is what the audit log says when a moderator makes the account of a bot.
	MadeBot(by int64, bot *User) *Act
}

// anything is the Verdicts of who has none.
type anything struct{}

func (anything) MayTry(context.Context, int64) error           { return nil }
func (anything) MayLogIn(context.Context, *User, string) error { return nil }
func (anything) MayRegister(context.Context, string) error     { return nil }
func (anything) MayRename(context.Context, int64) error        { return nil }
func (anything) MadeBot(int64, *User) *Act                     { return nil }
