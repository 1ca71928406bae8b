// Package party is groups of players who play together: a leader, members, and who
// has been invited.
//
// A party is a process, one per id. Its whole state is small and stands in the index of
// its node, so every node knows every party: a Directory follows the indexes and says
// what has changed, in an order that clients can follow. A member whose connection is
// lost keeps its place for a while, and a newer session of the user takes it over,
// whichever node it is on.
package party
