// Package faults breaks a running cluster by a seeded schedule and judges what its
// clients, its store and its processes have seen.
//
// Three or four operating-system processes with a PostgreSQL run in network namespaces
// (see package network) under a load of strict clients. Everything that was asked,
// acknowledged and shown goes into a history; when all is healed and quiet, checkers
// look for what must not be: two owners of a key, a write or a visible act of an old
// owner, an acknowledged command that is lost, an id given twice, a line heard twice,
// ghosts, clients that do not agree.
//
// The history, the schedule and the checkers are pure and tested like everything else.
// What runs the cluster is built with the tag "faults" only, needs root, and is run by
// `make faults` and `make faults-broken`; docs/failures.md has the rest.
package faults
