package app

import (
	"fmt"
	"testing"

	"teiserver/test/scenario"
	"teiserver/test/transcript"
)

// TestLoginQueue runs what wants the login throttle, on one node and on three.
func TestLoginQueue(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) {
			t.Parallel()
			scenario.RunThrottled(t, startSite(t, nodes, map[string]string{
				"login.throttle": "true", "login.rate": fmt.Sprint(scenario.ThrottledRate),
			}))
		})
		t.Run(fmt.Sprint("full ", nodes), func(t *testing.T) {
			t.Parallel()
			transcript.RunFull(t, startSite(t, nodes, map[string]string{
				"login.throttle": "true", "login.rate": "100", "account.user_limit": "1",
			}))
		})
	}
}
