// Package chat owns channels: who is in them and what is said.
//
// State is the machine of one channel, pure. A channel lives from its first joiner
// on and keeps its author; who is in it is not stored, the nodes repeat it to a new
// owner. While the owner's lease is in doubt a channel goes on: a word said twice
// harms nobody.
//
// Promises: a session is a member at most once, however often it joins; an older
// session of a user cannot end the membership of a newer one; only members are
// heard; a follower that applies every event to a View holds what the owner holds.
package chat
