package wire

import (
	"strconv"
	"strings"
)

// Requests of matchmaking. A queue that is no number is 0, which is none; Text is what the
// client has sent, for the answer.
type (
	// ListQueues is c.matchmaking.list_all_queues.
	ListQueues struct{}
	// ListMyQueues is c.matchmaking.list_my_queues.
	ListMyQueues struct{}
	// QueueInfo is c.matchmaking.get_queue_info.
	QueueInfo struct {
		Queue int
		Text  string
	}
	// JoinQueue is c.matchmaking.join_queue.
	JoinQueue struct {
		Queue int
		Text  string
	}
	// LeaveQueue is c.matchmaking.leave_queue.
	LeaveQueue struct{ Queue int }
	// LeaveQueues is c.matchmaking.leave_all_queues.
	LeaveQueues struct{}
	// MatchReady is c.matchmaking.ready.
	MatchReady struct{}
	// MatchDecline is c.matchmaking.decline.
	MatchDecline struct{}
)

var matchmakingCommands = []Spec{
	{Name: "c.matchmaking.list_all_queues", Decode: plain(ListQueues{})},
	{Name: "c.matchmaking.list_my_queues", Decode: plain(ListMyQueues{})},
	{Name: "c.matchmaking.get_queue_info", Form: "queueId", Example: "1",
		Decode: all(func(text string) QueueInfo { return QueueInfo{queueID(text), strings.TrimSpace(text)} })},
	{Name: "c.matchmaking.join_queue", Form: "queueId", Example: "1",
		Decode: all(func(text string) JoinQueue { return JoinQueue{queueID(text), strings.TrimSpace(text)} })},
	{Name: "c.matchmaking.leave_queue", Form: "queueId", Example: "1",
		Decode: all(func(text string) LeaveQueue { return LeaveQueue{queueID(text)} })},
	{Name: "c.matchmaking.leave_all_queues", Decode: plain(LeaveQueues{})},
	{Name: "c.matchmaking.ready", Decode: plain(MatchReady{})},
	{Name: "c.matchmaking.decline", Decode: plain(MatchDecline{})},
}

func queueID(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
