// Package wire is the codec of the Spring lobby protocol: bytes to requests, and
// events to bytes. It has no state, does no I/O and opens no sockets; the
// connection that uses it is package spring.
//
// What it promises:
//
//   - ParseLine and every Decode of Commands accept anything a client can send
//     and never panic. A request that comes out is complete and in range: nobody
//     behind this package sees a negative port or a sync value of 3.
//   - Every Append function and every Encode function writes whole lines, each
//     ended by one "\n". What a client has written somewhere (a title, a chat
//     line, the name of a computer player) can end up in a line as text but can
//     never start a line or a field of its own.
//   - Encodings are pure functions of their arguments, so that one encoding can be
//     shared by all connections that are told the same.
//
// The protocol is described in docs/protocol-spring.md. The words "battle" and
// "bot" of the protocol are lobby and computer everywhere else; only this package
// and its connection use them.
package wire
