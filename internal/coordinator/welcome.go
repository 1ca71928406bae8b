package coordinator

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/setting"
)

// FactLobbyMinutes is the key of the minutes that a user was in lobbies.
const FactLobbyMinutes = "lobby_minutes"

const textSkylobby = "skylobby is not supported so is not benefiting from new features. Future server improvements are likely to break it; please instead use the official Chobby client available from our website - https://www.beyondallreason.info/download"

// textDispute is what who was moderated is told to do about it.
var textDispute = []string{
	"If you feel you have been the target of an erroneous or unjust moderation action please use the #open-ticket channel in our discord to appeal/dispute the action.",
	"Attempting to circumvent this moderation with a new account is not okay and can lead to suspension or banning.",
}

// Greeting is what somebody is told a while after a login.
type Greeting struct {
	Lines []string
	// Acknowledge: the user leaves the lobby and joins none before it has acknowledged.
	Acknowledge bool
}

// Welcome is what a user is told after a login with this lobby client.
func (d *Desk) Welcome(ctx context.Context, user int64, client string) (Greeting, error) {
	var g Greeting
	g.Lines = append(g.Lines, setting.LoginMessage.Get(ctx, d.Settings)...)
	if strings.Contains(strings.ToLower(client), "skylobby") {
		g.Lines = append(g.Lines, textSkylobby)
	}
	reminder, err := d.Remind(ctx, user)
	g.Lines, g.Acknowledge = append(g.Lines, reminder.Lines...), reminder.Acknowledge
	return g, err
}

// Remind is what a user is told of moderation actions that count: after a login, and when
// there is a new one.
func (d *Desk) Remind(ctx context.Context, user int64) (g Greeting, err error) {
	if d.Moderation == nil {
		return g, nil
	}
	actions, err := d.Moderation.Actions(ctx, user)
	if err != nil {
		return g, fmt.Errorf("read moderation of %d: %w", user, err)
	}
	d.remind(ctx, &g, actions)
	return g, nil
}

// remind tells of what moderators did that still counts. That messages stay inside the
// server is nothing to be reminded of, nor are notes.
func (d *Desk) remind(ctx context.Context, g *Greeting, actions []Action) {
	actions = slices.DeleteFunc(slices.Clone(actions), func(a Action) bool {
		return !slices.ContainsFunc(a.Restrictions, func(r string) bool { return r != RestrictBridging && r != RestrictNote })
	})
	if len(actions) == 0 {
		return
	}
	g.Lines = append(g.Lines, "This is a reminder that you received one or more formal moderation actions as listed below:")
	muted, warned := false, false
	for _, a := range actions {
		line := " - " + a.Reason
		if !a.Expires.IsZero() {
			line += ", expires " + a.Expires.UTC().Format(time.DateTime)
		}
		g.Lines = append(g.Lines, line)
		muted = muted || slices.Contains(a.Restrictions, RestrictAllChat)
		warned = warned || slices.Contains(a.Restrictions, RestrictWarning)
	}
	g.Lines = append(g.Lines, textDispute...)
	if warned && !muted { // who may not speak could not acknowledge
		g.Acknowledge = true
		g.Lines = append(g.Lines, setting.WarningPrompt.Get(ctx, d.Settings))
	}
}

// Acknowledges reports whether a private message is the answer to a warning.
func (d *Desk) Acknowledges(ctx context.Context, text string) bool {
	return strings.EqualFold(strings.TrimSpace(text), strings.TrimSpace(setting.WarningResponse.Get(ctx, d.Settings)))
}

func (d *Desk) fact(ctx context.Context, user int64, key string) string {
	if d.Facts == nil {
		return ""
	}
	text, _, err := d.Facts.Stat(ctx, user, key)
	if err != nil {
		if ctx.Err() == nil {
			d.Log.WarnContext(ctx, "fact not read", "user", user, "key", key, "err", err)
		}
		return ""
	}
	return text
}

func (d *Desk) number(ctx context.Context, user int64, key string) int64 {
	n, err := strconv.ParseInt(d.fact(ctx, user, key), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
