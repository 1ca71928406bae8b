// Package job does what has its time: clean-ups, the rows of telemetry, and what other
// packages want done every minute or every day.
//
// Promises, for every job of Table:
//
//   - A period of a job is done once. Its effect and its mark, a row of job and period,
//     are committed together, in a table that nothing else trims: whoever comes late, a
//     node that was paused or a second run, finds the mark and changes nothing.
//   - A period that was missed is caught up. What is due is read from the data, which
//     periods lack a mark, and not from what was triggered when.
//   - Long jobs work in steps inside a process of the cluster, one per class: each step is
//     a durable write behind the process's fence, so a node that has lost its lease stops
//     between two steps, and the next owner goes on from what is in the store.
//   - Nothing is begun while the node is not ready or its lease is not trusted: the
//     trigger is given back, and not counted as done.
//   - A job that fails is tried again with growing pauses, and keeps no other from running.
//   - Each job can be switched off by the setting job.NAME.
//
// Triggers run on River: rows in the node's own database, inserted by one node for all,
// taken by any, given back when their node is gone. A trigger only says that a job should
// look; one that is lost or comes twice does no harm.
package job
