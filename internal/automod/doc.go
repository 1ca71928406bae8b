// Package automod finds who was banned and comes back with another account.
//
// Each node notes by what an account was seen (keys: its address, the hashes of its
// programs, its hardware) and tells the one process of the cluster of each login. A while
// later that compares the keys with those of bans. An account that is younger than a ban and
// has one of its keys is marked as belonging to the ban's source, or banned for ever if that
// is not known; its connection ends, wherever it is.
//
// Promises. A ban takes effect on an account once, whoever checks how often, as the act and
// its row in the audit log have one name and are one transaction; also not again after a
// moderator has undone it. A login is not forgotten when the process moves: nodes repeat
// theirs. With the node of a login its check is lost: the next login brings another. Bots,
// moderators and who is trusted are let alone.
package automod
