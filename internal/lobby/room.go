package lobby

import (
	"maps"
	"slices"
	"strings"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

// highestEdge is the right and lower end of the map in start rectangles.
const highestEdge = 200

// Bounds of computer players, which any player may add: the room, with all of them,
// goes into each snapshot and to each joiner. There are no more team ids than that,
// and no game's names come near.
const (
	mostComputers = highestTeam + 1
	computerBytes = 1024 // of name, color and AI
)

// addComputer: the owner must be in the room, or hosts would drop the line that
// names it.
func (s *State) addComputer(c AddComputer) (process.Outcome, error) {
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	if a.member < 0 && !a.founder {
		return refuse(refusal.Forbidden, "not in this lobby")
	}
	if !a.founder && !c.Moderator && !s.room.view.Members[a.member].Status.Player {
		return refuse(refusal.Forbidden, "only players may add computer players")
	}
	if c.Computer.Name == "" {
		return refuse(refusal.Invalid, "a computer player needs a name")
	}
	if _, taken := s.room.computer(c.Computer.Name); taken {
		return refuse(refusal.Taken, "there is a computer player %s already", c.Computer.Name)
	}
	if len(s.room.view.Computers) >= mostComputers {
		return refuse(refusal.Invalid, "there are %d computer players already", mostComputers)
	}
	if len(c.Computer.Name)+len(c.Computer.Color)+len(c.Computer.AI) > computerBytes {
		return refuse(refusal.Invalid, "a computer player is described in at most %d bytes", computerBytes)
	}
	computer := c.Computer
	computer.Owner = c.User
	computer.Status &^= 1
	return a.led(ComputerAdded{Computer: computer}), nil
}

func (s *State) updateComputer(c UpdateComputer) (process.Outcome, error) {
	a, computer, err := s.ownComputer(c.Who, c.Rights, c.Name)
	if err != nil {
		return process.Outcome{}, err
	}
	computer.Status = c.Status &^ 1
	if len(c.Color) > computerBytes {
		return refuse(refusal.Invalid, "a color has at most %d bytes", computerBytes)
	}
	if c.Color != "" {
		computer.Color = c.Color
	}
	return a.led(ComputerUpdated{Computer: computer}), nil
}

func (s *State) removeComputer(c RemoveComputer) (process.Outcome, error) {
	a, computer, err := s.ownComputer(c.Who, c.Rights, c.Name)
	if err != nil {
		return process.Outcome{}, err
	}
	return a.led(ComputerRemoved{Name: computer.Name}), nil
}

// ownComputer finds a computer player that the sender may change.
func (s *State) ownComputer(w Who, r Rights, name string) (actor, Computer, error) {
	a, err := s.actor(w)
	if err != nil {
		return actor{}, Computer{}, err
	}
	i, ok := s.room.computer(name)
	if !ok {
		return actor{}, Computer{}, refusal.New(refusal.NotFound, "there is no computer player %s", name)
	}
	computer := s.room.view.Computers[i]
	if computer.Owner != w.User && !a.founder && !r.Moderator {
		return actor{}, Computer{}, refusal.New(refusal.Forbidden, "%s is somebody else's", name)
	}
	return a, computer, nil
}

func (s *State) addRect(c AddRect) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	r := c.Rect
	for _, edge := range []int{r.Left, r.Top, r.Right, r.Bottom} {
		if edge < 0 || edge > highestEdge {
			return refuse(refusal.Invalid, "%d is not from 0 to %d", edge, highestEdge)
		}
	}
	if r.Ally < 0 || r.Ally > highestTeam {
		return refuse(refusal.Invalid, "there is no ally team %d", r.Ally)
	}
	return a.led(RectAdded{Rect: r}), nil
}

// removeRect tells the room also if there was none.
func (s *State) removeRect(c RemoveRect) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	if c.Ally < 0 || c.Ally > highestTeam {
		return refuse(refusal.Invalid, "there is no ally team %d", c.Ally)
	}
	return a.led(RectRemoved{Ally: c.Ally}), nil
}

func (s *State) setTags(c SetTags) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	tags := make(map[string]string, len(c.Tags))
	for _, k := range slices.Sorted(maps.Keys(c.Tags)) { // sorted: two keys may become one
		if k != "" {
			tags[strings.ToLower(k)] = c.Tags[k]
		}
	}
	if len(tags) == 0 {
		return a.led(), nil
	}
	return a.led(TagsSet{Tags: tags}), nil
}

// removeTags names only what was there; that may be nothing.
func (s *State) removeTags(c RemoveTags) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	keys := []string{}
	for _, k := range c.Keys {
		k = strings.ToLower(k)
		if _, ok := s.room.view.Tags[k]; ok && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return a.led(TagsRemoved{Keys: keys}), nil
}

// setUnits enables first and disables then. Enabling where nothing is disabled is
// not told.
func (s *State) setUnits(c SetUnits) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	before := s.room.view.Disabled
	enables := (c.All || len(c.Enable) > 0) && len(before) > 0
	if !enables && len(c.Disable) == 0 {
		return a.led(), nil
	}
	units := make([]string, 0, len(before)+len(c.Disable))
	known := make(map[string]bool, cap(units))
	keep := func(unit string) {
		if !known[unit] {
			known[unit] = true
			units = append(units, unit)
		}
	}
	for _, unit := range before {
		if !c.All && !slices.Contains(c.Enable, unit) {
			keep(unit)
		}
	}
	for _, unit := range c.Disable {
		keep(unit)
	}
	return a.led(UnitsSet{Disabled: units}), nil
}

func (s *State) update(c Update) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	if c.Spectators < 0 {
		return refuse(refusal.Invalid, "fewer spectators than none")
	}
	info := s.info(a)
	before := info
	info.Spectators, info.Locked = c.Spectators, c.Locked
	info.MapHash, info.Map = c.MapHash, c.Map
	if info == before {
		return a.led(), nil
	}
	return a.led(InfoSet{Info: info}), nil
}

func (s *State) retitle(c Retitle) (process.Outcome, error) {
	a, err := s.host(c.Who, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	info := s.info(a)
	info.Title = c.Title
	if !s.guarded(func(t *consul.Turn) {
		t.Retitle(c.Title)
		info.Title = t.State.Title() // with what the consul adds
	}) {
		return process.Outcome{}, unguarded()
	}
	return a.led(InfoSet{Info: info, Retitled: true}), nil
}

// info is the lobby's info with the actor's takeover in it.
func (s *State) info(a actor) Info {
	for _, e := range a.events {
		if set, ok := e.(InfoSet); ok {
			return set.Info
		}
	}
	return s.room.view.Info
}
