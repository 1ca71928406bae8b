package match

// Plan is what processing changes: the match as it will be, its members, and who was
// none after all.
type Plan struct {
	Match   Match
	Members []Membership // who stay, by user, with win and left_after
	Leave   []int64      // memberships to delete
}

// NewPlan says what a host's data makes of a match. Without data (a zero Report) or
// without teamStats everybody stays; so does everybody when teamStats names none of
// them, as it is of another game then.
func NewPlan(m Match, members []Membership, r Report) Plan {
	p := Plan{Match: m}
	entries := map[int64][]ReportedPlayer{}
	for _, e := range r.Players {
		if e.Account.Given {
			entries[e.Account.N] = append(entries[e.Account.N], e)
		}
	}
	// The name in the data is the one at that time, the account's may be another by now.
	played := func(u Membership) bool {
		if _, ok := r.Teams[u.Name]; ok && u.Name != "" {
			return true
		}
		for _, e := range entries[u.User] {
			if _, ok := r.Teams[string(e.Name)]; ok {
				return true
			}
		}
		return false
	}
	known := false
	for _, u := range members {
		known = known || played(u)
	}

	p.Match.GameDuration = max(r.Duration.N, 1)
	if !r.Duration.Given { // the host has not said: what we saw of it
		p.Match.GameDuration = max(int64(m.Finished.Sub(m.Started).Seconds()), 1)
	}
	p.Match.GameID = string(r.GameID)
	p.Match.WinningTeam = nil
	for _, u := range members {
		if known && !played(u) {
			p.Leave = append(p.Leave, u.User)
			continue
		}
		u.Win, u.LeftAfter = outcome(entries[u.User], p.Match.GameDuration)
		if u.Win && p.Match.WinningTeam == nil {
			team := u.Team
			p.Match.WinningTeam = &team
		}
		p.Members = append(p.Members, u)
	}
	p.Match.PlayerCount = len(p.Members)
	return p
}

// outcome is what the entries of one player say. Who has several was several times in
// the game: when it left for good cannot be told.
func outcome(entries []ReportedPlayer, duration int64) (win bool, leftAfter *int64) {
	for _, e := range entries {
		win = win || e.Win.N == 1
	}
	if len(entries) != 1 {
		return win, nil
	}
	left := duration
	if lost := entries[0].Lost; lost.Given {
		left = max(lost.N, 0)
	}
	return win, &left
}
