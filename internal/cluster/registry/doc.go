// Package registry says who owns what.
//
// The store is the one authority: a claim is one statement there, and every change of
// owner raises the epoch of the key. A row is never deleted while its id can return,
// so that no epoch comes twice.
//
//	(no row) --claim--> owned --release--> released --claim--> owned, epoch+1
//	                      | \--owner gone, or its own answer lost--> owned, epoch+1
//	                      \--close--> closed --claim--> owned, epoch+1
//
// What a dead node has left is claimed many keys at a time, with their snapshots, and
// without waiting for a row that somebody holds: see Store.TakeOver.
//
// A durable write of an owner carries its state along, see Fence: record, state and the
// ids of applied commands are never apart in the store.
//
// Directory is a node's cached view. It is a hint: it saves a read, and nobody decides
// from it. A look-up answers owner, none or unknown, and never takes one for another;
// only none may create.
//
// Home proposes where a key should live, the same on every node that sees the same
// members; the claim decides.
package registry
