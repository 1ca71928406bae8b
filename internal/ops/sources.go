package ops

import "teiserver/internal/meter"

type (
	// Number is read for a metric of one value.
	Number func() float64
	// Numbers is read for a metric with a label: by value of the label.
	Numbers func() map[string]float64
	// Times is read for a histogram.
	Times func() meter.Snapshot
	// TimesBy is read for a histogram with a label.
	TimesBy func() map[string]meter.Snapshot
)

// Sources are the callbacks of the metrics that every node has. Those that are nil are
// left out. docs/metrics.md has a row for each.
type Sources struct {
	// Of connections and their clients.
	Connections   Number // open connections
	Clients       Number // logged in on this node
	OutQueueBytes Number // waiting to be written to clients
	Logins        Number
	LoginsRefused Number
	// Of the queue in front of logins.
	LoginsWaiting    Number
	LoginsPermitted  Number
	LoginsTurnedAway Number
	// Of passwords.
	PasswordsHashed     Number
	PasswordsRemembered Number

	LinesIn      Number
	LinesDropped Number // that were no lines
	BytesOut     Number
	SlowCloses   Number // closed because they did not read
	FloodCloses  Number // closed because they sent too much
	Panics       Number // handlers that were caught

	// Of limits.
	Strangers   Number  // connections that have not logged in
	Limited     Numbers // what was refused, by limit
	LimitsHeard Number  // what other nodes told
	Letters     Numbers // what became of them, by outcome

	// Of the merged view.
	RosterUsers   Number
	RosterLobbies Number

	// Of the lease.
	Members           Number
	LeaseTrustSeconds Number // left until this node freezes
	LeaseAge          Number // since the last good renewal
	LeaseRenewals     Times
	LeaseFailures     Number
	DetectionWorst    Number // as configured
	Detections        Times  // as measured
	HostAhead         Number // of the store's clock, seconds

	// Of processes and calls.
	Processes      Numbers // by kind
	MailboxWaiting Numbers // commands, by kind
	MailboxLongest Numbers // of one process, by kind
	Commands       Numbers // by outcome
	Snapshots      Number
	SnapshotErrors Number
	Rebuilds       Number
	Fenced         Number // processes dropped
	Claims         Number
	Takeovers      Number
	TakeoverTimes  Times   // from the end of a node to the last of its keys
	Calls          Numbers // by place: local, remote
	CallsRefused   Number
	CallRetries    Number
	CallsLost      Number // without an answer
	CastsLost      Number

	// Of the bus and the feeds on it.
	BusPeers         Number
	BusSent          Number
	BusSentBytes     Number
	BusReceived      Number
	BusReceivedBytes Number
	BusDropped       Numbers // by reason
	FeedsPublished   Number
	FeedsFollowed    Number
	FeedViews        Number
	FeedGaps         Number // replicas that had to fetch again

	// Of jobs and telemetry.
	JobsDone      Number  // periods that this node did
	JobsFailed    Number  // tries
	JobsGivenBack Number  // triggers
	JobsLate      Number  // periods that were found done
	JobDone       Numbers // when it was done last, by job
	JobFailures   Numbers // since then, by job
	Counted       Numbers // by counter

	// Of the caches and the store.
	CacheHits       Numbers // by table
	CacheMisses     Numbers // by table
	CacheEntries    Numbers // by table
	StoreStatements Numbers // by lane
	StoreErrors     Numbers // by lane
	StoreTimes      TimesBy // by lane
}

// Add adds the metrics of the sources.
func (m *Metrics) Add(s Sources) {
	m.addNumbers(s)
	m.addByLabel(s)
	m.addTimes(s)
}

func (m *Metrics) addNumbers(s Sources) {
	type one struct {
		name, help string
		value      Number
	}
	for _, g := range []one{
		{"connections", "Open connections of game clients.", s.Connections},
		{"clients", "Clients that are logged in on this node.", s.Clients},
		{"strangers", "Open connections that have not logged in and do not wait for it.", s.Strangers},
		{"logins_waiting", "Clients of this node that wait to be logged in.", s.LoginsWaiting},
		{"out_queue_bytes", "Bytes that wait to be written to clients.", s.OutQueueBytes},
		{"roster_users", "Users that this node shows, of all nodes.", s.RosterUsers},
		{"roster_lobbies", "Lobbies that this node shows, of all nodes.", s.RosterLobbies},
		{"cluster_members", "Nodes of the cluster that are not gone, this one included.", s.Members},
		{"lease_trust_seconds", "Time until this node freezes if its lease is not renewed.", s.LeaseTrustSeconds},
		{"lease_renewal_age_seconds", "Time since the last good renewal of the lease began.", s.LeaseAge},
		{"lease_detection_worst_seconds", "Time after its last renewal within which a dead node is given up.", s.DetectionWorst},
		{"host_clock_ahead_seconds", "What the clock of this host is ahead of the store's by.", s.HostAhead},
		{"bus_peers", "Other nodes that are heard on the bus.", s.BusPeers},
		{"feeds_published", "Feeds that this node publishes.", s.FeedsPublished},
		{"feeds_followed", "Feeds that somebody on this node follows.", s.FeedsFollowed},
	} {
		if g.value != nil {
			m.Gauge(g.name, g.help, g.value)
		}
	}
	for _, c := range []one{
		{"logins_total", "Logins that were accepted.", s.Logins},
		{"logins_refused_total", "Logins that were refused.", s.LoginsRefused},
		{"logins_permitted_total", "Logins that were let in by the rate of logins.", s.LoginsPermitted},
		{"logins_turned_away_total", "Logins that were turned away because the queue was full.", s.LoginsTurnedAway},
		{"passwords_hashed_total", "Passwords that were checked by their hash.", s.PasswordsHashed},
		{"passwords_remembered_total", "Passwords that were known to be right.", s.PasswordsRemembered},
		{"lines_received_total", "Lines that clients sent.", s.LinesIn},
		{"lines_dropped_total", "Lines that were dropped because they are no text.", s.LinesDropped},
		{"sent_bytes_total", "Bytes written to clients.", s.BytesOut},
		{"slow_closes_total", "Connections closed because the client did not read.", s.SlowCloses},
		{"flood_closes_total", "Connections closed because the client sent too much.", s.FloodCloses},
		{"limits_heard_total", "Tries and registrations on other nodes that were counted here.", s.LimitsHeard},
		{"panics_total", "Panics of handlers that were caught.", s.Panics},
		{"lease_renewals_failed_total", "Tries to renew the lease without a good answer.", s.LeaseFailures},
		{"snapshots_total", "Snapshots of processes that were stored.", s.Snapshots},
		{"snapshot_errors_total", "Rounds of snapshots that failed.", s.SnapshotErrors},
		{"processes_rebuilt_total", "Processes that were made again from a snapshot after a panic or an unclear write.", s.Rebuilds},
		{"processes_fenced_total", "Processes dropped because the store knew a newer owner.", s.Fenced},
		{"claims_total", "Keys of processes that this node has claimed.", s.Claims},
		{"takeovers_total", "Claims of a process that ran elsewhere before.", s.Takeovers},
		{"calls_refused_total", "Calls to processes that were answered by a refusal.", s.CallsRefused},
		{"call_retries_total", "Tries of calls to processes after the first.", s.CallRetries},
		{"calls_unanswered_total", "Calls to processes that ended without an answer in time.", s.CallsLost},
		{"casts_lost_total", "Commands without an answer that were given up.", s.CastsLost},
		{"bus_sent_total", "Messages sent to other nodes.", s.BusSent},
		{"bus_sent_bytes_total", "Bytes of the messages sent to other nodes.", s.BusSentBytes},
		{"bus_received_total", "Messages received from other nodes.", s.BusReceived},
		{"bus_received_bytes_total", "Bytes of the messages received from other nodes.", s.BusReceivedBytes},
		{"feed_views_total", "Views of feeds fetched from other nodes.", s.FeedViews},
		{"jobs_done_total", "Periods of jobs that this node did.", s.JobsDone},
		{"jobs_failed_total", "Tries of jobs that failed on this node.", s.JobsFailed},
		{"jobs_given_back_total", "Triggers of jobs that this node could not serve then.", s.JobsGivenBack},
		{"jobs_late_total", "Periods of jobs that this node found done when it came to commit.", s.JobsLate},
		{"feed_gaps_total", "Gaps in feeds that were repaired by fetching again.", s.FeedGaps},
	} {
		if c.value != nil {
			m.Counter(c.name, c.help, c.value)
		}
	}
}

func (m *Metrics) addByLabel(s Sources) {
	type labeled struct {
		name, help, label string
		values            Numbers
	}
	for _, g := range []labeled{
		{"processes", "Processes that run on this node.", "kind", s.Processes},
		{"mailbox_commands", "Commands that wait for a process.", "kind", s.MailboxWaiting},
		{"mailbox_longest_commands", "Commands that wait for the busiest process.", "kind", s.MailboxLongest},
		{"job_done_timestamp_seconds", "When the job was done last, on any node; 0: never.", "job", s.JobDone},
		{"job_failures", "Tries of the job that failed since it was done last, on all nodes.", "job", s.JobFailures},
		{"cache_entries", "Entries of the cache.", "table", s.CacheEntries},
	} {
		if g.values != nil {
			m.GaugeBy(g.name, g.help, g.label, g.values)
		}
	}
	for _, c := range []labeled{
		{"limited_total", "What was refused because it was too much.", "limit", s.Limited},
		{"letters_total", "What this node did with letters.", "outcome", s.Letters},
		{"process_commands_total", "Commands that processes were given.", "outcome", s.Commands},
		{"calls_total", "Commands sent to processes.", "place", s.Calls},
		{"bus_dropped_total", "Messages of other nodes that were not delivered.", "reason", s.BusDropped},
		{"counted_total", "What telemetry counts on this node.", "counter", s.Counted},
		{"cache_hits_total", "Look-ups answered by the cache.", "table", s.CacheHits},
		{"cache_misses_total", "Look-ups that the cache could not answer.", "table", s.CacheMisses},
		{"store_statements_total", "Statements that the store was given.", "lane", s.StoreStatements},
		{"store_errors_total", "Transactions of the store that failed.", "lane", s.StoreErrors},
	} {
		if c.values != nil {
			m.CounterBy(c.name, c.help, c.label, c.values)
		}
	}
}

func (m *Metrics) addTimes(s Sources) {
	for _, h := range []struct {
		name, help string
		value      Times
	}{
		{"lease_renewal_seconds", "Good renewals of the lease, from the start of the try to the answer.", s.LeaseRenewals},
		{"lease_detection_seconds", "Nodes given up by this one, from when their last renewal was seen.", s.Detections},
		{"takeover_seconds", "Nodes that ended, from when this node saw it until all their keys had an owner.", s.TakeoverTimes},
	} {
		if h.value != nil {
			m.Histogram(h.name, h.help, h.value)
		}
	}
	if s.StoreTimes != nil {
		m.HistogramBy("store_seconds", "Transactions of the store, the wait for their turn included.", "lane", s.StoreTimes)
	}
}
