// Package client is one connection of one user, whatever protocol it speaks.
//
// A connection has a reader, which executes its commands one after the other, and
// an Outbox, whose writer is the only one who writes to the socket. Service logs
// users in: it claims the session (the newest wins, on whichever node), publishes
// the presence and attaches the connection to the roster. Client offers what a
// logged-in connection may ask of the domain; answers that are events (somebody
// joined, a line was said) come through the roster to everybody in one order, the
// asker included.
package client
