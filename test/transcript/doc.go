// Package transcript plays golden conversations with the Spring protocol.
//
// A conversation is a txtar file: its comment says what it shows, its file
// "script" has one step a line. Names are connections; each is on another node
// than the one before, so that one file shows the same behavior on one node and
// on many.
//
//	alice: login              connect and log in with an account of its own
//	alice: login new          … that has never been used
//	host:  login bot          … with role bot; also "moderator", "admin"
//	alice: login as bob       … with bob's account
//	alice: connect            connect only; "tls" for the TLS port
//	host:  connect bot        … to log in by hand with an account that is a bot
//	alice: stls               change to TLS; "starttls" by the other name of the command
//	alice: open               open a plain battle; binds $battle
//	alice: open WORD          … with a password
//	alice: enter host         be let into host's battle
//	alice: close              end the connection
//	alice: closed             the server ends the connection
//	alice: skip               go on behind all lines that have come
//	host:  report 900 a b     tell AutohostMonitor of the game: its seconds, and the players, of whom a has won
//	alice: restrict NAME      the operator restricts alice from NAME for a week; "NAME for ever"
//	alice: revoke             … and takes the last restriction back
//	alice: alt bob            … marks alice's account as one of bob's
//	alice: shadowban          … has nobody hear alice
//	alice: free WORD          bind $WORD to a name that nobody has
//	meet                      wait until all that are logged in see each other
//	alice: sees bob           waits until alice has been told of $bob, and skips what came
//	strict                    from here on no other line may come between, but what is heard
//	                          of others who go, and the tags that the server adds to a battle
//	alice> LINE               alice sends
//	alice< LINE               alice gets, in this order; others may come between
//	alice! LINE               alice has not got since the last skip or meet
//
// In lines * is any word, … anything, $name a variable ($alice is the name of
// alice's account, $alice_id its id), $$ a dollar, ⇥ a tab, ␠ a blank that
// matters. A conversation is not passed if a client's model has seen a violation.
package transcript
