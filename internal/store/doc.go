// Package store is the system of record, on SQLite or PostgreSQL: leases, owners,
// sequences, the change log, and the data of the domain.
//
// *Store implements the Store interfaces of the packages above it; each file here
// is one of them, with its statements. What both engines do alike is written once;
// what they do each in its own way is package engine, implemented by sqlite and
// postgres. All times are the store's (see package statement).
//
// What it promises beyond those interfaces:
//
//   - A call that returned nil is kept, also when the power is lost; logins
//     (ClaimSession, NoteLogin) are kept when the process dies.
//   - A call that returned an error did nothing, or, if the connection was lost or
//     the context ended, has an unknown outcome: it may happen later still.
//   - No call hangs: without a deadline of the caller it ends by itself.
//   - A database belongs to one node, or to the nodes of one cluster.
package store
