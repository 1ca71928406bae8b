package wire

import "teiserver/internal/roster"

// AppendQueues appends the list of all queues.
func AppendQueues(b []byte, list []roster.QueueName) []byte {
	return appendQueues(b, "s.matchmaking.full_queue_list ", list)
}

// AppendMyQueues appends the list of those in which the user waits.
func AppendMyQueues(b []byte, list []roster.QueueName) []byte {
	return appendQueues(b, "s.matchmaking.your_queue_list ", list)
}

func appendQueues(b []byte, command string, list []roster.QueueName) []byte {
	b = append(b, command...)
	for i, q := range list {
		if i > 0 {
			b = append(b, '\t')
		}
		b = appendInt(b, q.ID)
		b = append(b, ':')
		b = appendField(b, q.Name)
	}
	return append(b, '\n')
}

// AppendQueueInfo appends for how many seconds players wait in a queue, and how many do.
func AppendQueueInfo(b []byte, q roster.QueueName, wait, players int) []byte {
	b = append(b, "s.matchmaking.queue_info "...)
	b = appendInt(b, q.ID)
	b = append(b, '\t')
	b = appendField(b, q.Name)
	b = append(b, '\t')
	b = appendInt(b, wait)
	b = append(b, '\t')
	b = appendInt(b, players)
	return append(b, '\n')
}

func appendQueueEvent(b []byte, command string, queue int) []byte {
	b = append(b, command...)
	b = appendInt(b, queue)
	return append(b, '\n')
}
