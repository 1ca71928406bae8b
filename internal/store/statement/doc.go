// Package statement is typed SQL without a generator.
//
// A statement is a package-level value: a name, a text, and two Go structs, one
// for its parameters and one for its columns.
//
//	var nodeByName = statement.Define[nameArgs, nodeRow]("node by name",
//		`SELECT incarnation, state FROM node WHERE name = @name`)
//
// Parameters and columns are bound by name: the field LastIP is @last_ip and the
// column last_ip. Define panics, so that no program starts, when parameters and
// fields differ; a test of package store prepares every statement on both engines
// and compares the columns.
//
// One text serves both engines. It holds values that the store gives and nobody
// passes: @@now, the clock of leases in milliseconds; @@boot, which run of that clock
// it is; @@wall, unix milliseconds for people; @@timeline, the fingerprint of the
// database, another one after a standby took over or a copy was put back.
package statement
