// Package bridge connects channels of the lobby server with channels of Discord.
//
// DiscordBridge is a resident: one process in the cluster, online while the bridge is on.
// What is said here reaches it as Heard from the speaker's node, what is said on Discord
// as Came from whichever node listens there, notices as Notice and Notify from who has
// them. It keeps what is to be carried, in order, and has its Desk carry it.
//
// Promises:
//   - Nobody waits for Discord: who speaks has been heard before the bridge is told, and the
//     process does its posts beside its commands, each within a time limit.
//   - A line is not said twice, also if the process moves while it is carried: Heard and Came
//     have numbers that rise, lines in channels have theirs (chat.Said), and posts on Discord a
//     nonce by which Discord knows them again.
//   - What waits is bounded. Lines of chat go first when there is too much, and when they are
//     old; notices are stored with the state before their sender has its answer.
//   - Discord's rate limits are kept: a post that has to wait goes back to the queue.
//   - Who writes in the game cannot ring people on Discord, and the other way round.
//
// A process that moves may lose the lines of chat of its last second, as those of any
// snapshot; never notices. Package bridge/discord has the library behind the interface.
package bridge
