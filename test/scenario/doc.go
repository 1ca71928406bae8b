// Package scenario is what a server must do, seen from outside by real clients.
//
// Each scenario is a function of a test and an Env, which says where the nodes
// are; the same list, All, runs against one process, against three, and against
// nodes inside the test's own process. Clients are spread over the nodes in turn.
// A scenario ends only when all its clients that are still connected agree on
// what is online and open, when nobody who left is still shown anywhere, and when
// no client's model has seen a line that a strict client would not survive.
//
// Servers must run without rate limits (serve --unlimited).
package scenario
