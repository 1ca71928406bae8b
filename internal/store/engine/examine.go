package engine

import "time"

// Examination is what a look at a database from outside says, without changing it.
type Examination struct {
	Name      string
	Version   string // of the server or library
	Schema    int64  // the last step that was applied; 0: empty
	RoundTrip time.Duration
	Ahead     time.Duration // of the database's clock, by this host's
	Server    *Server       // nil for a file
}

// Server is what the durability of a database server rests on.
type Server struct {
	Number         int  // of the version: 150004 is 15.4
	Recovery       bool // a standby: nothing can be written
	Fsync          bool
	FullPageWrites bool
	Named          string // synchronous_standby_names
	Standbys       []Standby
}

// Standby is one that is connected. Its states are empty if this role may not see them.
type Standby struct {
	Name  string `json:"name"`
	State string `json:"state"` // streaming
	Sync  string `json:"sync"`  // async, potential, sync, quorum
}

// Synchronous reports whether commits wait for it.
func (s Standby) Synchronous() bool {
	return s.State == "streaming" && (s.Sync == "sync" || s.Sync == "quorum")
}

// Synchronous reports whether a commit that was acknowledged is on a standby that is
// there now; known is false if this role may not see that.
func (s Server) Synchronous() (yes, known bool) {
	known = true
	for _, standby := range s.Standbys {
		yes = yes || standby.Synchronous()
		known = known && standby.State != ""
	}
	return yes && s.Named != "", s.Named == "" || yes || known
}
