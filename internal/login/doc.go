// Package login decides when a user comes in: the login throttle of a site and the
// queue of those who wait for their turn.
//
// The rate is a promise of the cluster, not of a node. One process, the owner of the
// rate (State), hands out permits in blocks to the nodes that ask for them; each node
// has one Queue, first come first served, and admits one user for each permit. Nothing
// polls for a connection: a node asks when somebody comes to an empty queue, when the
// owner said that there may be more, and once a second to be known.
//
// What is promised, at a rate of r per second, with n nodes:
//
//   - In any w seconds no more than r·(w+1) + 2·max(r, n) users are let in, whatever
//     happens to nodes, messages and the owner. The excess is what was saved up: a
//     second's worth, or one for each node.
//   - What nobody uses goes to whoever waits: if all come to one node, it has the full
//     rate. So there is no node elsewhere to send anybody to.
//   - Nodes that wait get permits in proportion to how many wait there. Between users
//     of different nodes that is first come first served on the average, not to the
//     user.
//   - A node that reaches no owner has an equal share of the rate. Nobody has more
//     before it is sure that nobody else counts on it: the owner keeps back the share
//     of each node from which it has not heard, and a node uses its share only when no
//     owner can take it for silent anymore. Less at once, more only after that.
//   - A new owner begins with nothing saved up.
//
// Who comes in without waiting takes no permit: bots, and who supports the site.
//
// Who waits has shown that its password is right. In a storm only those have whose
// password is remembered, which takes no hash; the others are asked when their turn has
// come (ProvesLast), so that what a hash costs is paced as well. One of them whose
// password is wrong has used up a permit.
//
// While the throttle is off the same holds, at the rate for a storm, when very many come
// at once: the clients of a node that is gone. The nodes together let in a quarter of
// that rate without asking, so that on a normal day nobody waits for anything, and so
// that some come in while the owner of the rate is being replaced: in any w seconds no
// more than 5/4·r·(w+1) + 2·max(r, n). Permits are spread over time, and a node lets only
// so many come in at once: one that is slow lets in fewer, and those who are in are
// served. Who comes in within three seconds is not told of a wait. It is not looked
// whether there is room: who finds the server full is refused, as ever without the
// throttle.
package login
