// Package monitor is AutohostMonitor, the account to which autohosts report their games:
// what they say in the room autohosts, and what they tell it in private.
//
// One runs in the cluster. A report becomes deeds: what has to be done about it outside,
// such as the start of a match in its lobby. The report is answered when its deeds are
// stored, with the state, in one fenced transaction; the next owner does what is left.
//
//	report --> parsed, stored --> answered
//	                \--> deeds, in the order of each host --> done, forgotten
//
// What it promises:
//
//   - what was answered is done, also when the node dies, or the lobby's does;
//   - the deeds of one host are done in the order of its reports, and those of one host
//     do not wait for another's lobby;
//   - a report that waited before it came here counts as of when it was said;
//   - each counts once: every deed has a number that is never given again, and whoever it
//     is done to knows the numbers (a lobby), or keeps them (a row), or does not mind;
//   - a report that comes twice, or late from a session that the host has left, counts
//     for nothing; so does one that only a host may make and somebody else makes.
//
// What cannot be read changes nothing and is logged.
package monitor
