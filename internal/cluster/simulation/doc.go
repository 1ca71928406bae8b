// Package simulation plays whole clusters in one process and in virtual time, under a
// seeded schedule of faults and a load of commands, and judges what came of it.
//
// The nodes are real: lease, registry, processes, feeds and calls are the code that the
// server runs. Made up are the store (clustertest.Store), the bus (bus.Network), the
// clocks and the passing of time, so a schedule of half a minute takes some
// milliseconds. The code is all in tests:
//
//	go test ./internal/cluster/simulation             # some schedules, part of make test
//	make simulate DURATION=5m                         # as many as fit
//	SIM_SEED=17 go test -v ./internal/cluster/simulation
//	make scale                                        # the figures of docs/scale.md
//
// Faults: a node is killed, paused, cut off from some or all, one way or both, from the
// store, or both; it leaves, comes, drains; the bus loses, delays and doubles messages;
// the store is away, slow, or loses answers, holds a row locked; clocks run up to a
// seventh wrong, jump, and the store's own clock is set.
//
// What must hold all the while:
//
//   - No node is condemned and no key is given away while the one that has it trusts
//     itself. An epoch is given once, and each is above those before.
//   - Once an answer of an epoch was heard, no command that is sent later is answered
//     under an older one (kinds that freeze in doubt).
//   - A durable command that was acknowledged is in every later answer; it is in the
//     store once, under epochs that do not fall. Nothing is in a state twice.
//   - A number of a sequence is given once. A follower's versions never go back nor
//     leave a gap.
//
// And when the faults have ended: within the promise every key that should run does,
// once, on the node that the store names, and answers on every node; a key that was
// closed is closed; the followers hold what the owner holds.
//
// A seed fixes the schedule, the load and what becomes of the messages and accesses, one
// after the other. It does not fix in which order goroutines run that are ready at the
// same moment: that is up to the Go runtime. So SIM_SEED plays a schedule until it fails,
// thirty times at most.
package simulation
