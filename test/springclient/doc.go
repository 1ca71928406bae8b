// Package springclient is our own client of the Spring lobby protocol, for tests.
//
// It promises to keep every line of a connection in the order in which it came,
// to wait for lines with a deadline and never by sleeping, and to judge every
// line as the strictest real clients do: each Client feeds a Model, which parses
// the line with exact parameter counts and notes a Violation for everything that
// would make a host drop its connection. A test is not passed before the
// violations of all its clients are empty.
//
// Only tests and the load tool use it; it knows nothing of the server's code.
package springclient
