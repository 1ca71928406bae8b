package roster

// What one user is told of matchmaking.
type (
	// ReadyCheck asks whether the user is ready for a match of a queue.
	ReadyCheck struct{ Queue int }
	// MatchCanceled says that nothing comes of it; the user is back in the queue.
	MatchCanceled struct{ Queue int }
	// QueuesSet are the queues in which the user waits.
	QueuesSet struct{ Queues []QueueName }
)

// QueueName is a queue as it is listed.
type QueueName struct {
	ID   int
	Name string
}

func (ReadyCheck) event()    {}
func (MatchCanceled) event() {}
func (QueuesSet) event()     {}
