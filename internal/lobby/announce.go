package lobby

import (
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
)

// Announce is a line of somebody who need not be in the lobby, for everybody in it. The
// edge has looked whether the sender may.
type Announce struct {
	Who
	Text string `json:"text"`
}

var _ = message.Register[Announce]("lobby.announce")

func (s *State) announce(c Announce) (process.Outcome, error) {
	return process.Outcome{Events: []any{Said{User: c.User, Text: c.Text}}}, nil
}
