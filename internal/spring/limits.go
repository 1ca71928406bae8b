package spring

import (
	"context"
	"net/netip"
	"time"

	"teiserver/internal/limit"
	"teiserver/internal/setting"
)

// limitsEvery is how often the limits are read without a change having been heard of.
const limitsEvery = 10 * time.Second

// limits are the settings that every connection and every line needs. Connections
// never read them from the store: while it does not answer, PING must be answered.
type limits struct {
	perMinute int // lines
	lineBytes int
	idle      time.Duration
	login     time.Duration // 0: none
	teams     bool          // of all lobbies are told
	told      int           // by strangers, a minute

	connects      limit.Rate // of an address
	perAddress    int        // connections that are open; here and below 0: any number
	strangersEach int        // of an address
	strangers     int        // of all
	unlimited     []netip.Prefix
}

// readLimits reads them now.
func (s *Server) readLimits(ctx context.Context) {
	s.now.Store(&limits{
		perMinute: s.Settings.LinesPerMinute(ctx),
		lineBytes: s.Settings.MaxLineBytes(ctx),
		idle:      s.Settings.IdleTimeout(ctx),
		login:     s.Settings.LoginTimeout(ctx),
		teams:     s.Settings.TeamsInfo(ctx),
		told:      setting.StrangersTell.Get(ctx, s.Settings),

		connects:      s.Settings.ConnectRate(ctx),
		perAddress:    setting.ConnectionsPerAddress.Get(ctx, s.Settings),
		strangersEach: setting.StrangersPerAddress.Get(ctx, s.Settings),
		strangers:     setting.Strangers.Get(ctx, s.Settings),
		unlimited:     setting.UnlimitedNetworks.Get(ctx, s.Settings),
	})
}

// limits are those that hold now.
func (s *Server) limits() *limits { return s.now.Load() }

// watchLimits has Run read the limits again after a change of one of them.
func (s *Server) watchLimits() {
	s.Settings.OnChange(func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}, setting.RateLimit.Key(), setting.MaxLineBytes.Key(), setting.IdleTimeout.Key(), setting.LoginTimeout.Key(), setting.TeamsInfo.Key(),
		setting.StrangersTell.Key(), setting.ConnectsPerMinute.Key(), setting.ConnectionsPerAddress.Key(), setting.StrangersPerAddress.Key(),
		setting.Strangers.Key(), setting.UnlimitedNetworks.Key())
}

// Run keeps the limits those of the site until ctx ends.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(limitsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.changed:
		}
		s.readLimits(ctx)
	}
}
