// Package spadsapi answers hosts over HTTP: what a player's rating is, how a lobby is to
// be balanced, and that a game has ended so. It also shows the leaderboards to everybody.
//
// Any node answers for the whole cluster. A balance is that of the lobby's owner, the same
// whichever node is asked. A rating is never one from before a match whose end was told
// to the host, on any node. The report of a game is acknowledged when it is stored; while
// it cannot be it is kept and tried (keeper), and the host is told so.
//
// Hosts say who they are with the name and password of a bot's account (HTTP Basic); what
// they ask and cannot be answered is {}, with status 200, by which a host goes on by
// itself. Requests are bounded in size and time, and never by trust: texts are read by a
// parser that knows nothing but literals. docs/spads-api.md has the shapes.
package spadsapi
