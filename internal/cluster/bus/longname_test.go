package bus

import (
	"errors"
	"strings"
	"testing"
)

// TestLongTopic guards the connection: the server closes it for a line that is too
// long, and every later message of the node would be lost.
func TestLongTopic(t *testing.T) {
	b, err := OpenNATS(t.Context(), Options{Self: Origin{Node: "a", Incarnation: 1}, ClusterID: "c", Listen: "127.0.0.1:0", Secret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	long := strings.Repeat("x", 5000)
	if err := b.Publish(long, nil); !errors.Is(err, ErrLongName) {
		t.Errorf("publish: %v", err)
	}
	b.Subscribe(long, func(Message) {})()
	if err := b.Publish("short", nil); err != nil {
		t.Errorf("the bus does not work any more: %v", err)
	}
}
