// Package rating says how good players are: a Plackett-Luce estimate for each kind of
// game and season, moved by every rated match.
//
// The arithmetic (update.go, game.go) is pure: the same matches in the same order give
// the same numbers on every node. The store applies it inside the
// transaction that marks a match as processed, with the rows of its players locked in
// the order of their ids: a match moves ratings once, and all its players or none. One
// rating per user, kind of game and season; one entry of the log per match and user.
//
// Service reads: it caches what a user has in a season and follows the store's change log,
// so that no node shows a rating from before a match for longer than the news takes to
// travel. Who cannot wait for that long reads what is stored (Fresh).
package rating
