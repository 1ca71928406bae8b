// Package lobby owns the rooms before and between games, with all their rules.
// (The Spring protocol calls a lobby a battle; only package spring says so.)
//
// State is the machine of one lobby, pure: time, ids and random values arrive
// inside commands. It decides a command, and then applies the events of the
// decision to itself with the same Replica that followers use, so that a follower
// that starts from a View and applies every event holds what the owner holds.
//
//	(nothing) --Open--> open --founder leaves, is absent or gone--> closed
//
//	outside --Join--> pending --Answer--> member --Leave, Kick, Absent, Gone--> outside
//	            ^                           |
//	            +-------- Join again -------+
//
// A part of it is the consul (package consul), the lobby's steward: it is asked before a
// join and a change of status, and hears of everything else afterwards, in the same Apply.
// What it wants done becomes events, timers and effects here; see order.go for the seam.
//
// Promises:
//   - a command that is refused has changed nothing;
//   - the founder is never in the member list, nobody is in it or asks twice, nobody
//     is a member and asks;
//   - a computer player's owner is in the room; its removal comes before the owner's;
//   - an older session of a user cannot undo what a newer one did: its commands are
//     refused as superseded, and a newer one takes over the seat;
//   - a panic of the consul costs what it was about to do, and nothing else: it goes on as
//     it was before the command, and nobody is let in meanwhile;
//   - what everybody may see of the consul (queue, bosses, terms, title) is told with the
//     command that changed it;
//   - a View or Summary that was handed out never changes.
package lobby
