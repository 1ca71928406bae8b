package spadsapi

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"teiserver/internal/account"
	"teiserver/internal/rating"
	"teiserver/internal/setting"
)

// decimal is a number with two decimals at most, and one at least: 25.0 is no whole
// number to who reads it with a typed reader.
type decimal float64

// MarshalJSON implements json.Marshaler.
func (d decimal) MarshalJSON() ([]byte, error) {
	f := math.Round(float64(d)*100) / 100
	if f == math.Trunc(f) {
		return strconv.AppendFloat(nil, f, 'f', 1, 64), nil
	}
	return strconv.AppendFloat(nil, f, 'f', -1, 64), nil
}

type ratingAnswer struct {
	RatingValue decimal `json:"rating_value"`
	Uncertainty decimal `json:"uncertainty"`
}

// typeOf is the type whose ratings a host asks for.
func typeOf(text string) rating.Type {
	if t := rating.Type(text); t != rating.TeamFFA && slices.Contains(rating.BoardTypes, t) {
		return t
	}
	return rating.LargeTeam
}

// getRating tells a rating. Hosts ask for "None" where nobody plays. Who has played too
// little to have a rating that is shown has 0; hosts need a number.
func (a *API) getRating(r *http.Request, _ *account.User) any {
	user, err := strconv.ParseInt(r.PathValue("target"), 10, 64)
	if err != nil {
		return nothing
	}
	ctx := r.Context()
	sets, err := a.o.Ratings.Fresh(ctx, user)
	if err != nil {
		a.o.Log.WarnContext(ctx, "rating not read", "user", user, "err", err)
		return nothing
	}
	found := sets[0].Of(typeOf(r.PathValue("type")))
	value, _ := found.Shown(setting.ShownUncertainty.Get(ctx, a.o.Settings))
	return ratingAnswer{decimal(value), decimal(found.Uncertainty)}
}
