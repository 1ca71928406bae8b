package spadsapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/rating"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// Prefix is under which everything here is.
const Prefix = "/teiserver/api/"

const (
	spads  = Prefix + "spads"
	public = Prefix + "public"
)

// Bounds of a request.
const (
	mostBody = 8 << 20 // the end data of a long game of a hundred players, packed
	longest  = 8 * time.Second
)

// Options are what the API asks of the server.
type Options struct {
	// Check says whose name and password these are, see account.Service.CheckHost.
	Check func(ctx context.Context, name, password, ip string) (*account.User, error)
	// IDs are the accounts of names, 0 for an unknown one.
	IDs     func(ctx context.Context, names ...string) ([]int64, error)
	Ratings *rating.Service
	// LobbyOf is the lobby in which a user is shown.
	LobbyOf func(user int64) (*roster.Lobby, bool)
	// Balance asks the owner of a lobby for teams.
	Balance func(ctx context.Context, lobbyID int64, b lobby.Balance) (lobby.Balanced, error)
	// SaveEnd keeps what a host reports of a game, see match.Store.
	SaveEnd  func(ctx context.Context, e match.End) (saved bool, err error)
	Settings *setting.Service
	Log      *slog.Logger
}

// API is the handler of everything under Prefix.
type API struct {
	http.Handler
	o      Options
	keeper *keeper
}

// New makes the handler. Reports of games that cannot be stored wait until Run runs.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{o: o, keeper: newKeeper(o.SaveEnd, o.Log)}
	mux := http.NewServeMux()
	host := func(pattern string, h func(r *http.Request, by *account.User) any) {
		mux.Handle(pattern, a.host(func(r *http.Request, by *account.User) (int, any) { return http.StatusOK, h(r, by) }))
	}
	host("GET "+spads+"/get_rating/{target}/{type}", a.getRating)
	host("GET "+spads+"/get_rating/{caller}/{target}/{type}", a.getRating)
	host("GET "+spads+"/balance_battle", a.balanceBattle)
	host("POST "+spads+"/balance_battle", a.balanceBattle)
	mux.Handle("POST "+spads+"/end_game_data", a.host(a.endGameData))
	mux.HandleFunc("GET "+public+"/leaderboard", a.seasons)
	mux.HandleFunc("GET "+public+"/leaderboard/{season}", a.leaderboard)
	a.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), longest)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
	return a
}

// Run stores the reports of games that could not be stored when they came, until ctx ends.
func (a *API) Run(ctx context.Context) { a.keeper.run(ctx) }

// nothing is the answer of whatever cannot be answered.
var nothing = struct{}{}

// host serves somebody who is a host.
func (a *API) host(h func(r *http.Request, by *account.User) (status int, body any)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, err := a.who(r)
		if err != nil {
			a.unauthorized(w, r, err)
			return
		}
		status, body := h(r, by)
		answer(w, status, body)
	})
}

// who is the account that a request names, if its password is right.
func (a *API) who(r *http.Request) (*account.User, error) {
	name, password, ok := r.BasicAuth()
	if !ok {
		return nil, refusal.New(refusal.Password, "no name and password")
	}
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	return a.o.Check(r.Context(), name, password, ip)
}

// unauthorized turns somebody away. Who could not be looked up is told so: its password
// may be right.
func (a *API) unauthorized(w http.ResponseWriter, r *http.Request, err error) {
	status, text := http.StatusUnauthorized, "Unauthorized"
	var refused *refusal.Error
	if !errors.As(err, &refused) || refused.Code == refusal.Unavailable {
		a.o.Log.WarnContext(r.Context(), "host not recognized", "err", err)
		status, text = http.StatusServiceUnavailable, "Service Unavailable"
	} else {
		w.Header().Set("WWW-Authenticate", `Basic realm="Teiserver"`)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the peer may be gone
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the peer may be gone
}
