// Package roster is what one node shows of the whole cluster: users, lobbies, the
// rooms and channels that its own clients are in.
//
// It merges the presence feeds of all nodes, the lobby indexes of all nodes, and
// the feeds of the rooms and channels with local members. What is visible is a
// pure function of what it has heard, so any order of arrival gives each client a
// legal order: nobody is told about a user or lobby it was not introduced to,
// nobody is told twice, nobody is left with a ghost.
package roster

import (
	"context"

	"teiserver/internal/cluster"
)

// Roster is the view of this node. All methods are safe for concurrent use.
type Roster struct{}

// New makes the roster of a node and begins to follow the others. Serve must be
// called before the node is ready.
func New(c cluster.Runtime) *Roster { panic("not built") }

// Online publishes a session of this node: it becomes visible on every node.
func (r *Roster) Online(u User) { panic("not built") }

// SetStatus changes what a session of this node shows. False if it is not online.
func (r *Roster) SetStatus(user, session int64, inGame, away bool) bool { panic("not built") }

// Offline ends a session of this node. An older or unknown session is ignored.
func (r *Roster) Offline(user, session int64) { panic("not built") }

// Attach gives the viewer the world and every update after it. Its user must be online here.
func (r *Roster) Attach(v Viewer) { panic("not built") }

// Detach ends the viewer; nothing is shown to it after Detach returns.
func (r *Roster) Detach(v Viewer) { panic("not built") }

// Host follows a lobby for the founder's viewer; Hosting is shown when it is visible.
func (r *Roster) Host(v Viewer, lobbyID int64) { panic("not built") }

// Enter follows a lobby for a viewer that wants to join; Entered or JoinDenied is
// shown when the host has answered.
func (r *Roster) Enter(v Viewer, lobbyID int64) { panic("not built") }

// Join follows a channel for a viewer; ChannelEntered is shown when it is a member.
func (r *Roster) Join(v Viewer, channel string) { panic("not built") }

// User returns a visible user by id, UserByName by exact name.
func (r *Roster) User(id int64) (*User, bool)          { panic("not built") }
func (r *Roster) UserByName(name string) (*User, bool) { panic("not built") }

// Lobby returns a visible lobby. LobbyOf returns the lobby in which a user is shown
// (as member or founder).
func (r *Roster) Lobby(id int64) (*Lobby, bool)     { panic("not built") }
func (r *Roster) LobbyOf(user int64) (*Lobby, bool) { panic("not built") }

// LobbyIDs lists the visible lobbies in order. Channels lists the channels with their member counts.
func (r *Roster) LobbyIDs() []int64 { panic("not built") }

// Deliver shows an event to one local session as soon as the user that it names
// is visible here (from 0: at once). False if the session is not attached here.
func (r *Roster) Deliver(user, session, from int64, e Event) bool { panic("not built") }

// Count returns the visible users and lobbies.
func (r *Roster) Count() (users, lobbies int) { panic("not built") }

// Filled waits until every live node's feeds have been heard once.
func (r *Roster) Filled(ctx context.Context) error { panic("not built") }
