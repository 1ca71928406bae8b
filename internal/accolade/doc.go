// Package accolade is AccoladesBot: after a match it asks players of what they would
// thank one of their team mates for, and keeps what they say.
//
//	match over --> bot: whom to ask about whom --> a chat with each giver
//	                                                 \--> answer --> accolade, misses
//
// One bot runs in the cluster, and one chat for each user who is being asked. What it
// promises:
//
//   - a match that was told of is asked about, also when the node of the bot dies, and
//     once, however often and from wherever it is told;
//   - nobody is asked two things at a time: who is being asked stays with the first;
//   - a question is put into words once: the row of the question says that it was. Who
//     has not heard it misses nothing;
//   - an answer counts once: accolade, misses and the end of the chat are one
//     transaction;
//   - who does not answer within the deadline has missed it, wherever the chat runs by
//     then. Who has missed too often is not asked anymore.
//
// bot.go, chat.go, choose.go and text.go are pure; Desk does what they want done.
package accolade
