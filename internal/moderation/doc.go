// Package moderation is what moderators decide about users, and what follows from it.
//
// An Action restricts a user until it expires or is revoked; a Ban is for accounts that
// come later: those with a key or an address that it names. What counts of a user now is
// its Standing: the restrictions of all its actions together, whether it is shadow-banned,
// and whether the account belongs to somebody who has another one.
//
// Promises. The store is the truth, and a Standing is read through the caches of the
// node: every change is announced, so that every node has it at once, and also after a
// restart. An action ends for every decision at the moment at which it expires, whether or
// not the job has noted it. Every act is written together with its row in the audit log
// or not at all; what must be done once has a name of its own there.
//
// Restricted names are those of Teiserver; Restrictions says what each forbids, and where
// that is looked after.
package moderation
