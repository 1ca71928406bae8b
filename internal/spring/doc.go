// Package spring serves the Spring lobby protocol over TCP and TLS.
//
// A connection's reader takes one line after the other, decodes it by the tables of
// package wire and asks the client (package client). Answers to the sender are
// written by the reader; everything that happened comes through the roster, is
// encoded once per node and shared by all connections. Only this package calls a
// lobby a battle. What the protocol says is in docs/protocol-spring.md.
package spring
