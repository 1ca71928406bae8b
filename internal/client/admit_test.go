package client

import (
	"context"
	"testing"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// TestFullServer: the limit counts the players of all nodes, lets those in who must
// come in, and a player who logs in again.
func TestFullServer(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		a, b := r.nodes[0], r.nodes[1]
		b.svc.Settings = setting.Fixed(map[string]string{"account.user_limit": "2"})
		r.enter(a, 1)
		r.enter(a, 2, account.Bot)
		r.enter(b, 3)
		_, err := b.svc.Enter(context.Background(), &account.User{ID: 4, Name: "u4"}, Presence{}, &actor{}, func() { t.Error("accepted") })
		if !refusal.Is(err, refusal.Full) {
			t.Errorf("a third player: %v", err)
		}
		r.enter(b, 5, account.Bot)
		r.enter(b, 6, account.VIP)
		r.enter(b, 1)
	})
}
