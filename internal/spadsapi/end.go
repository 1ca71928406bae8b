package spadsapi

import (
	"net/http"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/match"
)

// endGameData takes what a host reports of a game. The host is not told what became of
// it: there is nothing that it could do.
func (a *api) endGameData(r *http.Request, by *account.User) any {
	ctx := r.Context()
	if err := r.ParseForm(); err != nil {
		a.Log.WarnContext(ctx, "end of a game not read", "user", by.ID, "err", err)
		return nothing
	}
	// Who forgets to escape a plus has sent a blank.
	e, err := match.ReadEnd(by.ID, strings.ReplaceAll(r.PostForm.Get("data"), " ", "+"))
	if err != nil {
		a.Log.InfoContext(ctx, "end of a game not understood", "user", by.ID, "err", err)
		return nothing
	}
	saved, err := a.SaveEnd(ctx, e)
	switch {
	case err != nil:
		a.Log.ErrorContext(ctx, "end of a game not stored", "user", by.ID, "key", e.Match, "err", err)
	case !saved:
		a.Log.InfoContext(ctx, "No match found", "user", by.ID, "key", e.Match)
	}
	return nothing
}
