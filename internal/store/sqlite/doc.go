// Package sqlite is the store's engine on one host: a SQLite file.
//
// Connections, each for its own purpose, all in write-ahead mode:
//
//	lease    writes of leases; synchronous=FULL
//	durable  all writes that must survive a loss of power; synchronous=FULL
//	relaxed  logins; synchronous=NORMAL
//	readers  a few, which never wait for writers
//
// SQLite lets one connection write at a time and is not fair about whose turn it
// is, so the writers of this process queue at a gate, where the lease goes first.
// No writer runs a checkpoint; one goroutine does, with its own connection.
//
// The clock of leases is the time since boot and the id of the boot: nobody can set
// it, and it goes on while the machine is suspended. It is read inside the write
// transaction: a writer that had to wait does not decide by an old time.
//
// A process that is stopped inside a write stops all writers of the host until it
// goes on or ends. Nothing but SQLite runs inside a write that others wait for.
//
// No other handle on the file may exist in the process: closing one would drop
// SQLite's locks. So the file is never opened here but by SQLite.
package sqlite
