package transcript

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"teiserver/test/scenario"
)

// report has a host tell how the game in its battle went: so many seconds, and of whom
// the first has won.
func report(_ context.Context, p *play, who string, args []string) error {
	if len(args) < 2 {
		return errors.New("report needs seconds and players")
	}
	seconds, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	room := p.clients[who].Snapshot().Room
	if room == nil {
		return fmt.Errorf("%s hosts no battle", who)
	}
	id, err := strconv.ParseInt(room.Tags["game/server_match_id"], 10, 64)
	if err != nil {
		return err
	}
	var ids []int64
	var names []string
	for _, arg := range args[1:] {
		user, err := strconv.ParseInt(p.vars[arg+"_id"], 10, 64)
		if err != nil {
			return fmt.Errorf("there is no %s", arg)
		}
		ids, names = append(ids, user), append(names, p.vars[arg])
	}
	return p.clients[who].Send("SAYPRIVATE AutohostMonitor endGameData %s", scenario.EndData(id, seconds, ids, names))
}
