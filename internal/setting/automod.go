package setting

import (
	"context"
	"time"
)

// What automod goes by.
var (
	Automod = Define("addon.automod", true, Bool,
		"A while after a login the account is compared with the keys of bans. Off: nobody is compared; keys are noted all the same.")
	AutomodDelay = Define("automod.delay_seconds", 120, Int(0, 86400),
		"Seconds after a login until the account is compared with bans.")
)

// AutomodDelay is how long after a login an account is compared with bans.
func (s *Service) AutomodDelay(ctx context.Context) time.Duration {
	return time.Duration(AutomodDelay.Get(ctx, s)) * time.Second
}
