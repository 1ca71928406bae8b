package roster

import (
	"time"

	"teiserver/internal/cluster"
)

// effect is something the state wants done outside, in order.
type effect any

type (
	// goOn has the next turn of the backlog taken.
	goOn struct{}
	// tellLater has the next few viewers read the news.
	tellLater       struct{ after time.Duration }
	followNode      struct{ n *node }
	unfollowNode    struct{ n *node }
	followRoom      struct{ r *room }
	unfollowRoom    struct{ r *room }
	followChannel   struct{ t *tap }
	unfollowChannel struct{ t *tap }
	// cast sends a command to a process.
	cast struct {
		key     cluster.Key
		command any
	}
	// tellGone tells every local process that an incarnation is gone.
	tellGone struct{ incarnation int64 }
)
