// Package telemetry counts what the server does and keeps what clients tell of themselves.
//
// Numbers: every node counts for itself, from its start on. Once a minute one node asks
// all of them, and writes one row: who is online, each user once, and by how much the
// counters of all nodes have grown since the row before. What was counted of each node is
// noted in the transaction of the row, so that nothing is counted twice, by nobody, and
// a node that does not answer is counted in a later minute. A node that leaves notes its
// counters as the last thing it does; one that dies takes at most what it counted since
// the last row along. Days are made of minutes, and longer periods of days, by jobs (see
// package job).
//
// Events and properties are kept as they come, in bounds: so long a name, so long a
// value, so many in a minute from one address, so many waiting to be written. What is
// too much is counted and dropped: telemetry must not be in anybody's way.
package telemetry
