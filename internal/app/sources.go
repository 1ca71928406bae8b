package app

import (
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/job"
	"teiserver/internal/meter"
	"teiserver/internal/ops"
	"teiserver/internal/store"
)

// sources says where each metric is read. They are shown while the node has its parts,
// see openHTTP, so all of them are there.
func (s *Server) sources() ops.Sources {
	var all ops.Sources
	s.clientSources(&all)
	if s.cfg.Clustered() {
		s.leaseSources(&all)
	}
	s.processSources(&all)
	s.busSources(&all)
	s.storeSources(&all)
	s.jobSources(&all)
	return all
}

func live(n *atomic.Int64) ops.Number { return func() float64 { return float64(n.Load()) } }

// count reads a number out of figures.
func count[F any, N int | int64](figures func() F, pick func(F) N) ops.Number {
	return func() float64 { return float64(pick(figures())) }
}

// by reads a number out of figures by label.
func by[F any, N int | int64](figures func() map[string]F, pick func(F) N) ops.Numbers {
	return func() map[string]float64 {
		values := map[string]float64{}
		for label, f := range figures() {
			values[label] = float64(pick(f))
		}
		return values
	}
}

func (s *Server) clientSources(all *ops.Sources) {
	c := &s.spring.Counters
	all.Connections = live(&c.Connections)
	all.Clients = func() float64 { return float64(s.clients.Count()) }
	all.Logins = live(&c.Logins)
	all.LoginsRefused = live(&c.Refused)
	all.LoginsWaiting = func() float64 { return float64(s.logins.Waiting()) }
	all.LoginsPermitted = live(&s.logins.Counters.Admitted)
	all.LoginsTurnedAway = live(&s.logins.Counters.Refused)
	all.PasswordsHashed = live(&s.accounts.Counters.Hashed)
	all.PasswordsRemembered = live(&s.accounts.Counters.Remembered)
	all.LinesIn = live(&c.LinesIn)
	all.LinesDropped = live(&c.Dropped)
	all.BytesOut = live(&c.BytesOut)
	all.OutQueueBytes = func() float64 { return float64(s.spring.QueuedBytes()) }
	all.SlowCloses = live(&c.Slow)
	all.FloodCloses = live(&c.Floods)
	all.Panics = func() float64 {
		return float64(c.Panics.Load() + s.guard.Caught.Load() + s.node.Feeds().Panics + s.busStats().Panics)
	}
	all.Strangers = func() float64 { return float64(s.spring.Strangers()) }
	all.LimitsHeard = live(&s.accounts.Counters.Limits.Heard)
	all.Limited = s.limited
	all.Letters = s.letters
	all.RosterUsers = func() float64 { users, _ := s.roster.Count(); return float64(users) }
	all.RosterLobbies = func() float64 { _, lobbies := s.roster.Count(); return float64(lobbies) }
}

// limited counts what was refused on this node, by limit; docs/limits.md has them.
func (s *Server) limited() map[string]float64 {
	c, doors, accounts := &s.spring.Counters, &s.spring.Doors, &s.accounts.Counters.Limits
	values := map[string]float64{}
	for name, n := range map[string]*atomic.Int64{
		"connects":              &doors.Connects,
		"connections":           &doors.Address,
		"strangers":             &doors.Strangers,
		"proxy_header":          &doors.Headers,
		"lines":                 &c.Floods,
		"telemetry":             &c.Told,
		"login_account":         &accounts.Account,
		"login_address":         &accounts.Address,
		"registrations_address": &accounts.Registrations,
		"registrations":         &accounts.All,
		"resets":                &accounts.Resets,
	} {
		values[name] = float64(n.Load())
	}
	return values
}

// letters counts what this node has done with letters.
func (s *Server) letters() map[string]float64 {
	c := &s.post.Counters
	values := map[string]float64{}
	for outcome, n := range map[string]*atomic.Int64{
		"sent": &c.Sent, "delayed": &c.Delayed, "refused": &c.Failed, "late": &c.Late, "many": &c.Many,
	} {
		values[outcome] = float64(n.Load())
	}
	return values
}

// leaseSources are those of a node that has others beside it.
func (s *Server) leaseSources(all *ops.Sources) {
	figures := func() lease.Figures { f, _ := s.node.Lease(); return f }
	seconds := func(pick func(lease.Figures) time.Duration) ops.Number {
		return func() float64 { return pick(figures()).Seconds() }
	}
	all.LeaseTrustSeconds = seconds(func(f lease.Figures) time.Duration { return f.TrustLeft })
	all.LeaseAge = seconds(func(f lease.Figures) time.Duration { return f.RenewalAge })
	all.DetectionWorst = seconds(func(f lease.Figures) time.Duration { return f.WorstDetection })
	all.HostAhead = seconds(func(f lease.Figures) time.Duration { return f.HostAhead })
	all.LeaseFailures = count(figures, func(f lease.Figures) int64 { return f.Failed })
	all.LeaseRenewals = func() meter.Snapshot { return figures().Renewals }
	all.Detections = func() meter.Snapshot { return figures().Detections }
	all.TakeoverTimes = s.node.Takeovers
	all.BusPeers = func() float64 { return float64(len(s.bus.Peers())) }
}

func (s *Server) processSources(all *ops.Sources) {
	node, processes := s.node.Counters()
	all.Members = func() float64 { return float64(len(s.node.Members())) }
	all.Processes = by(s.node.Loads, func(l process.Load) int { return l.Processes })
	all.MailboxWaiting = by(s.node.Loads, func(l process.Load) int { return l.Waiting })
	all.MailboxLongest = by(s.node.Loads, func(l process.Load) int { return l.Longest })
	all.Commands = func() map[string]float64 {
		return map[string]float64{
			"applied":  float64(processes.Applied.Load()),
			"repeated": float64(processes.Repeated.Load()),
			"frozen":   float64(processes.Frozen.Load()),
			"held":     float64(processes.Held.Load()),
			"full":     float64(processes.Full.Load()),
			"panicked": float64(processes.Panics.Load()),
		}
	}
	all.Snapshots = live(&processes.Saved)
	all.SnapshotErrors = live(&processes.SaveErrors)
	all.Rebuilds = live(&processes.Rebuilds)
	all.Fenced = live(&processes.Fenced)
	all.Claims = live(&node.Claims)
	all.Takeovers = live(&node.Takeovers)
	all.Calls = func() map[string]float64 {
		return map[string]float64{"local": float64(node.Local.Load()), "remote": float64(node.Remote.Load())}
	}
	all.CallsRefused = live(&node.Refused)
	all.CallRetries = live(&node.Retries)
	all.CallsLost = live(&node.Unavailable)
	all.CastsLost = live(&node.CastsLost)
}

// busStats are what the bus has counted.
func (s *Server) busStats() bus.Stats {
	if b, ok := s.bus.(interface{ Stats() bus.Stats }); ok {
		return b.Stats()
	}
	return bus.Stats{}
}

func (s *Server) busSources(all *ops.Sources) {
	feeds := s.node.Feeds
	all.FeedsPublished = count(feeds, func(f feed.Figures) int { return f.Publishers })
	all.FeedsFollowed = count(feeds, func(f feed.Figures) int { return f.Replicas })
	all.FeedViews = count(feeds, func(f feed.Figures) int64 { return f.Views })
	all.FeedGaps = count(feeds, func(f feed.Figures) int64 { return f.Gaps })
	all.BusSent = count(s.busStats, func(n bus.Stats) int64 { return n.Sent })
	all.BusSentBytes = count(s.busStats, func(n bus.Stats) int64 { return n.SentBytes })
	all.BusReceived = count(s.busStats, func(n bus.Stats) int64 { return n.Received })
	all.BusReceivedBytes = count(s.busStats, func(n bus.Stats) int64 { return n.ReceivedBytes })
	all.BusDropped = func() map[string]float64 {
		n := s.busStats()
		return map[string]float64{
			"malformed": float64(n.Malformed),
			"unknown":   float64(n.Unknown),
			"overflow":  float64(n.Overflow),
			"late":      float64(n.Late),
			"refused":   float64(n.Refused),
		}
	}
}

func (s *Server) storeSources(all *ops.Sources) {
	tables := s.caches.Figures
	all.CacheHits = by(tables, func(f cache.Figures) int64 { return f.Hits })
	all.CacheMisses = by(tables, func(f cache.Figures) int64 { return f.Misses })
	all.CacheEntries = by(tables, func(f cache.Figures) int { return f.Entries })
	lanes := s.store.Figures
	all.StoreStatements = by(lanes, func(f store.Figures) int64 { return f.Statements })
	all.StoreErrors = by(lanes, func(f store.Figures) int64 { return f.Errors })
	all.StoreTimes = func() map[string]meter.Snapshot {
		times := map[string]meter.Snapshot{}
		for lane, f := range lanes() {
			times[lane] = f.Times
		}
		return times
	}
}

func (s *Server) jobSources(all *ops.Sources) {
	c := &s.jobs.Counters
	all.JobsDone, all.JobsFailed, all.JobsGivenBack, all.JobsLate = live(&c.Done), live(&c.Failed), live(&c.GivenBack), live(&c.Late)
	all.JobDone = func() map[string]float64 {
		return s.ofJobs(func(k job.Status) float64 { return max(0, float64(k.Done.Unix())) })
	}
	all.JobFailures = func() map[string]float64 {
		return s.ofJobs(func(k job.Status) float64 { return float64(k.Failures) })
	}
	all.Counted = func() map[string]float64 {
		values := map[string]float64{}
		for name, n := range s.telemetry.Live() {
			values[name] = float64(n)
		}
		return values
	}
}

// ofJobs reads a number of every job, 0 of one that was never tried.
func (s *Server) ofJobs(pick func(job.Status) float64) map[string]float64 {
	values := map[string]float64{}
	for _, j := range s.jobs.Bound() {
		values[j.Name] = 0
	}
	for _, k := range s.jobs.Statuses() {
		if _, bound := values[k.Job]; bound {
			values[k.Job] = pick(k)
		}
	}
	return values
}
