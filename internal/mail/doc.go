// Package mail has letters leave: the codes and notices that users get by e-mail.
//
// Promises:
//
//   - A letter is a row, stored in the transaction of what it is about: both are there or
//     neither is. Of two with one key there is one.
//   - Any node sends it, one at a time: who takes a letter has it for longer than a try may
//     last. So whatever becomes of nodes it is sent once, but for one case: a node dies
//     between the answer of the mail server and the note of it. Then it is sent again under
//     the same Message-ID, by which mail servers and programs know it for the same.
//   - What fails for now is tried again with growing pauses until the letter is of no use
//     anymore; what the mail server refuses for good is not.
//   - No session waits for a mail server: who writes a letter has done with its row.
//   - When a letter is over its text, which may hold a code, is forgotten.
package mail
