package app

import (
	"fmt"
	"strings"

	"teiserver/internal/store/engine"
)

// durability says what becomes of acknowledged commands when the server is lost and a
// standby takes over. Every session of a node sets synchronous_commit itself.
func durability(s *engine.Server) (level, text string) {
	yes, known := s.Synchronous()
	switch {
	case s.Recovery:
		return levelOK, "a standby promises nothing by itself, ask the primary"
	case yes:
		return levelOK, "acknowledged commands survive a failover: " + standbyNames(s.Standbys, true) + " has them"
	case s.Named == "" && len(s.Standbys) == 0:
		return levelWarn, "acknowledged commands survive a crash, not the loss of this server: there is no standby"
	case s.Named == "":
		return levelWarn, "no synchronous standby: acknowledged commands of the last moments are lost in a failover to " +
			standbyNames(s.Standbys, false) + "; set synchronous_standby_names"
	case !known:
		return levelWarn, fmt.Sprintf("synchronous_standby_names is %q, but this role may not see who has followed: GRANT pg_monitor to it", s.Named)
	default:
		return levelFail, fmt.Sprintf("synchronous_standby_names is %q and none of these follows: no write is acknowledged until one does", s.Named)
	}
}

func standbyNames(all []engine.Standby, synchronous bool) string {
	var names []string
	for _, s := range all {
		if !synchronous || s.Synchronous() {
			name := s.Name
			if name == "" {
				name = "a standby without a name"
			}
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
