// Package coordinator is the Coordinator: the account through which the server
// itself speaks, and what it answers to those who speak to it.
//
// One runs in the cluster. The machine keeps nothing; that it runs is what makes
// the Coordinator online. How its presence is shown is the application's matter.
package coordinator
