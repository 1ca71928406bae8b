// Package matchmaking finds matches for players who wait in queues.
//
// A queue is a process, one per id: Queue, a pure machine. Who waits in it is a Group: a
// player, or a party whose members wait together. When some groups fit, they leave the
// line as a proposal, and a match is begun for it: Match, the machine of a process of its
// own, one per proposal. It goes
//
//	claiming --all are free--> asking --all are ready--> seeking --> entering --> made
//	    |                        |                         |            |
//	    +------------------------+--------> failed <-------+------------+
//
// and tells its queue how it went. Of a match that failed, those whose fault it was are
// out; all others are back at their old place.
//
// A player may wait in several queues, and two of them may want it at once. The session
// of the player decides: a match claims it there, users in ascending order, and of two
// matches one gets all it wants or neither waits for the other. Nobody is asked before
// everybody is claimed.
//
// What every node must know of queues and matches stands in the indexes; a Directory
// follows them, and Told.Next says what a client is to be told of it.
//
// Promises:
//   - nobody is in two proposals of a queue, nor in a team with less or more players than
//     the queue has; a party is in one team;
//   - those who are matched differ no more than what each of them has waited for;
//   - what was acknowledged is stored: who joined, left, was proposed and how it ended;
//   - a match whose node dies goes on where it was; one that its queue does not know
//     (any more) asks nobody.
package matchmaking
