package spadsapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/match"
)

// storedWithin is how long a host waits for its report to be stored.
const storedWithin = 5 * time.Second

// endGameData takes what a host reports of a game. The answer to a report that is stored,
// and to one that never will be, is {}: the host has nothing left to do. One that is not
// stored yet is kept (keeper), and the host may send it again as well: the first counts.
func (a *API) endGameData(r *http.Request, by *account.User) (status int, body any) {
	ctx := r.Context()
	if err := r.ParseForm(); err != nil {
		a.o.Log.WarnContext(ctx, "end of a game not read", "user", by.ID, "err", err)
		return http.StatusOK, nothing
	}
	// Who forgets to escape a plus has sent a blank.
	e, err := match.ReadEnd(by.ID, strings.ReplaceAll(r.PostForm.Get("data"), " ", "+"))
	if err != nil {
		a.o.Log.InfoContext(ctx, "end of a game not understood", "user", by.ID, "err", err)
		return http.StatusOK, nothing
	}
	saved, err := a.saveEnd(ctx, e)
	switch {
	case err != nil:
		a.o.Log.WarnContext(ctx, "end of a game not stored", "user", by.ID, "key", e.Match, "err", err)
		return http.StatusServiceUnavailable, map[string]string{"error": "Not stored yet, try again later"}
	case !saved:
		a.o.Log.InfoContext(ctx, "No match found", "user", by.ID, "key", e.Match)
	}
	return http.StatusOK, nothing
}

// saveEnd stores a report, or keeps it and waits a little for that.
func (a *API) saveEnd(ctx context.Context, e match.End) (saved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storedWithin)
	defer cancel()
	saved, err = a.o.SaveEnd(ctx, e)
	if err == nil {
		return saved, nil
	}
	x, full := a.keeper.keep(e)
	if full != nil {
		return false, full
	}
	select {
	case <-x.done:
		return x.saved, nil
	case <-ctx.Done():
		return false, err
	}
}
