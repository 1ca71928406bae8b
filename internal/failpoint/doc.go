// Package failpoint breaks the server on purpose, for the fault suite.
//
// Without the build tag "failpoints" every function here returns what it is given and
// is inlined to nothing: a server that is not built to be broken cannot be. With the tag
// the environment says what is broken:
//
//   - TEISERVER_FAULT_BREAK: names of protocol steps that are left out, separated by
//     commas. "fence": durable writes do not compare owner, epoch and count. "close": a
//     key is closed by deleting its row, whoever owns it. "condemn": a node is condemned
//     without comparing its renewal number and without looking at its lease. "claim": a
//     claim takes the key also from a living owner. "margin": trust lasts as long as
//     others wait. "answer": trust is counted from the answer of a renewal. "look":
//     trust is not looked at. "row": durable writes compare with who wrote last, as a
//     fence in the row of the data does, not with who owns. "thaw": a lobby goes on
//     after its release was sent. "namesake": who has the name of a newcomer is condemned
//     at once.
//   - TEISERVER_FAULT_CLOCK: a file with the offset of this process' wall clock, read all
//     the time.
//   - TEISERVER_FAULT_RATE: the rate of this process' clocks of leases, 1 being right.
//   - TEISERVER_FAULT_WAIT: "point=duration", where the process stands still for a while.
//     Points: "condemn" before a sentence, "save" before snapshots are written.
//   - TEISERVER_FAULT_ACTS: a file for a line of each visible effect of a process.
//   - TEISERVER_FAULT_BY: who writes, for triggers of the suite in a file of SQLite.
package failpoint
