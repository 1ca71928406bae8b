package spadsapi

import (
	"errors"
	"net/http"
	"strconv"

	"teiserver/internal/rating"
)

type (
	seasonAnswer struct {
		Season    int           `json:"season"`
		GameTypes []rating.Type `json:"game_types"`
	}
	boardAnswer struct {
		Name    rating.Type    `json:"name"`
		Players []playerAnswer `json:"players"`
	}
	playerAnswer struct {
		ID     int64   `json:"id"`
		Name   string  `json:"name"`
		Rating float64 `json:"rating"`
	}
	errorAnswer struct {
		Error string `json:"error"`
	}
)

// seasons lists the seasons that there are.
func (a *API) seasons(w http.ResponseWriter, r *http.Request) {
	list := make([]seasonAnswer, a.o.Ratings.Season(r.Context()))
	for i := range list {
		list[i] = seasonAnswer{i + 1, rating.BoardTypes}
	}
	answer(w, http.StatusOK, list)
}

// leaderboard shows the best of a season.
func (a *API) leaderboard(w http.ResponseWriter, r *http.Request) {
	season, err := strconv.Atoi(r.PathValue("season"))
	if err != nil {
		season = 0 // there is none
	}
	boards, err := a.o.Ratings.Boards(r.Context(), season)
	switch {
	case errors.Is(err, rating.ErrSeason):
		answer(w, http.StatusBadRequest, errorAnswer{"Invalid season parameter"})
		return
	case err != nil:
		a.o.Log.WarnContext(r.Context(), "leaderboard not read", "err", err)
		answer(w, http.StatusServiceUnavailable, errorAnswer{"Try again later"})
		return
	}
	list := make([]boardAnswer, len(boards))
	for i, b := range boards {
		list[i] = boardAnswer{b.Type, make([]playerAnswer, len(b.Places))}
		for j, p := range b.Places {
			list[i].Players[j] = playerAnswer{p.User, p.Name, p.Rating}
		}
	}
	answer(w, http.StatusOK, list)
}
