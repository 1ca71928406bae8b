// Package balance divides players into teams that are as equal as may be.
//
// It is pure: the same input with the same seed gives the same result, whatever the
// order of the players, on every node. Everybody is in exactly one team, and the sizes of
// two teams differ by one at most. It is bounded: what would take too many tries, too
// long or too much memory ends with ErrTooMuch or the context's error, and then the host
// balances by itself. It keeps nothing between calls; who wants the same teams again as
// long as nobody changes compares Input.Hash with Result.Hash.
//
// docs/balance.md describes the algorithms for moderators.
package balance
