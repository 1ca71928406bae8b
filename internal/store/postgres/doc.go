// Package postgres is the store's engine for many hosts: PostgreSQL 14 or newer.
//
// Connections: a pool for leases alone, a pool for everything else, and one that
// holds an advisory lock as long as the program uses the database (a session lock,
// so that the server gives it free when the program dies).
//
// Every session says itself what the promises rest on, whatever the operator's
// defaults are: synchronous_commit, read committed, and time-outs for locks,
// statements and idle transactions, so that a node that stops in the middle holds
// nobody up for long.
//
// A group of statements, and every fenced write, is one pipelined batch: one round
// trip and one transaction on the server, so that a node that stops in the middle
// holds no lock at all. The clock of leases is the server's clock_timestamp().
//
// Read committed has two traps that the statements above it mind. A statement that
// waited for a row sees that row's newest version, but all other tables as they
// were when it began: so a claim and the look at what it got are two statements of
// one batch. And a row that is not visible yet is not a row that is gone.
package postgres
