// Package consul is the steward of one lobby: it guards joins and the places of
// players, keeps the queue for them, carries out what is ordered with "$", listens to
// what the host says, and speaks in the Coordinator's name.
//
// It is a part of the lobby's process and has none of its own: package lobby makes a
// Turn for each command, with the room as it is, and turns the Acts into its events,
// timers and effects. So nobody is let in while a steward is elsewhere, and the two
// cannot wait for each other.
//
// A Turn is pure: time, seeds and what is known of people come with it. Promises:
//   - nobody is in both queues, nobody is queued twice, no player is queued;
//   - whoever is banned does not come in, and who is held to watching does not play,
//     but by the hand of a host or moderator;
//   - a player's place is given to nobody beyond the limit but by that hand, and a free one
//     goes to the first in the queue who may have it: who may not does not hold up the rest;
//   - a State that a Turn has left is as good as one that was stored and read again.
//
// Texts that people and autohosts read are kept to the letter, docs/consul.md has the list.
package consul
