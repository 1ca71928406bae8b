package app

import (
	"fmt"
	"testing"

	"teiserver/test/scenario"
	"teiserver/test/transcript"
)

// TestMatchmaking runs what wants matchmaking queues, on one node and on three.
func TestMatchmaking(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			env := startNodes(t, nodes, scenario.MatchedSettings, true)
			t.Run("scenario", func(t *testing.T) { scenario.RunMatched(t, env) })
			t.Run("transcript", func(t *testing.T) { transcript.RunMatched(t, env) })
		})
	}
}
