package setting

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQueueList(t *testing.T) {
	t.Parallel()
	text := " 1|Duel | 1v1 | Comet Catcher Remake 1.8 ,Red Comet\\n\\n20 | Small Team | 2v2\\n3 | FFA | 1v1v1v1 |"
	want := []Queue{
		{ID: 1, Name: "Duel", TeamSize: 1, TeamCount: 2, Maps: []string{"Comet Catcher Remake 1.8", "Red Comet"}},
		{ID: 20, Name: "Small Team", TeamSize: 2, TeamCount: 2},
		{ID: 3, Name: "FFA", TeamSize: 1, TeamCount: 4},
	}
	got, err := queueList.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := queueList.Parse(queueList.Print(got))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("printed and read (-want +got):\n%s", diff)
	}
	for _, bad := range []string{
		"Duel", "1 | Duel", "0 | Duel | 1v1", "x | Duel | 1v1", "10000 | Duel | 1v1", "1 | | 1v1", "1 | a:b | 1v1", "1 | a | 1", "1 | a | 1v2",
		"1 | a | 0v0", "1 | a | 33v33", "1 | a | 1v1 | m | n", "1 | a | 1v1\\n1 | b | 1v1", "1 | a | v",
	} {
		if list, err := queueList.Parse(bad); err == nil {
			t.Errorf("%q is %+v", bad, list)
		}
	}
}

// TestQueuesOff: where matchmaking is off there are none.
func TestQueuesOff(t *testing.T) {
	t.Parallel()
	on := map[string]string{"matchmaking.queues": "1 | Duel | 1v1"}
	if n := len(Fixed(on).Queues(t.Context())); n != 1 {
		t.Errorf("%d queues", n)
	}
	on["addon.matchmaking"] = "off"
	if n := len(Fixed(on).Queues(t.Context())); n != 0 {
		t.Errorf("%d queues while off", n)
	}
}
