// Package cluster runs teiserver as operating-system processes and the scenarios
// against them: one process with SQLite, and three with PostgreSQL.
//
// It promises that a started node is ready (its /readyz has said so), that every
// process it started has ended when the test ends, and that the logs of all nodes
// are shown when the test has failed. A data race, a panic or an unexpected end
// of a process fails the test.
package cluster
