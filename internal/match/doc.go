// Package match keeps the records of battles through their lives.
//
//	made --Start--> started --Stop--> finished --Process--> processed --told
//	  \                \__ the host's end data, at any time after the start __/
//	   \__ never started: removed after a while
//
// A record is made for each lobby when it opens, so that its number is known before the
// game starts, and again after each battle. The lobby writes start and stop, fenced by
// its ownership and together with its own state; the host's account of the game (End)
// and the processing are written by the number of the match, on any node.
//
// What it promises:
//
//   - start, stop, end data and processing happen once, however often and wherever they
//     are asked for: each is a change of the row that only the first one makes;
//   - processing is one transaction: memberships, the match, ratings and their log;
//   - a match waits for the host's data, but not for ever, and loses no membership for
//     want of it;
//   - one match that cannot be processed keeps no other from it, and is tried again;
//   - what follows the processing (the host is told, others learn that the match is
//     over) is done after the commit, and again by whoever finds it not done.
//
// game.go, exit.go, end.go, plan.go and stat.go are pure. Processor and Cleaner are the
// jobs; they may run on several nodes at once.
package match
