// Package coordinator is the Coordinator: the account through which the server itself
// speaks, what it answers to those who speak to it, and what it tells who logs in.
//
// One runs in the cluster. Its machine decides: what is a command, who may use it, and
// which codes it has given out. What takes a look at accounts, ratings and the like is a
// Task, which goes back to the node that asked and is done there by its Desk: so nobody
// waits for somebody else's look-up, and a command is answered once, by the connection
// that sent it, wherever the Coordinator runs. What follows a login (Welcome) is done by
// the node of the login alone.
package coordinator
