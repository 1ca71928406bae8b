package job

import (
	"time"

	"teiserver/internal/setting"
)

// Job is a row of Table.
type Job struct {
	Name  string
	Was   string // its number in the list of Teiserver's jobs
	Every Every  // when it is triggered; empty: it does not exist here
	Each  Unit   // what its periods are, if not those of Every
	Class string // long jobs of one class run one at a time in the cluster
	Guard string // what keeps it from being done twice
	Kept  string // what it leaves and for how long
	Does  string

	Enabled *setting.Setting[bool]
}

// Key says what is done once.
func (j Job) Key() string {
	switch {
	case j.Every.Unit == "":
		return "-"
	case j.Each != "":
		return string(j.Each)
	}
	return string(j.Every.Unit)
}

// cleaning is the class of what deletes and of what puts load on the database.
const cleaning = "cleanup"

// The guards.
const (
	oneTransaction = "row and mark are one transaction"
	inSteps        = "one owner; steps behind its fence, then the mark"
	twiceIsOnce    = "one owner; doing it twice is doing it once"
	rowByRow       = "one owner; each row has its own mark"
	notHere        = "-"
)

// Names of the jobs that are bound elsewhere.
const (
	HourlyCleanup     = "hourly-cleanup"
	Maintenance       = "maintenance"
	UnverifiedCleanup = "unverified-cleanup"
	EventCleanup      = "event-cleanup"
	MatchCleanup      = "match-cleanup"
	ServerMinute      = "server-minute"
	Restrictions      = "restrictions"
	MatchProcessing   = "match-processing"
	ServerDay         = "server-day"
	ServerWeek        = "server-week"
	ServerMonth       = "server-month"
	ServerQuarter     = "server-quarter"
	ServerYear        = "server-year"
	MatchDay          = "match-day"
	MatchMonth        = "match-month"
	InfologCleanup    = "infolog-cleanup"
	ActivityDay       = "activity-day"
	PlayMinutes       = "play-minutes"
	Mail              = "mail"
)

func at(hour, minute int) time.Duration {
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

// Table lists every job, in the order of Teiserver's list. docs/jobs.md shows it; one
// without work bound to it in this release is never triggered.
var Table = table(
	Job{Name: HourlyCleanup, Was: "J1, J22", Every: Every{Hour, at(0, 0)}, Class: cleaning, Guard: inSteps,
		Kept: "chat of lobbies: `lobby.chat_days`; marks of minutes, hours and half days: `job.mark_days`; letters that are over: 30 days",
		Does: "Deletes old chat of lobbies, 500 lines at a time, letters that were sent, and marks of jobs that can no longer come up. Chat of channels is not kept in rows."},
	Job{Name: Maintenance, Was: "J2", Every: Every{Day, at(8, 0)}, Class: cleaning, Guard: twiceIsOnce, Kept: "-",
		Does: "Refreshes what the database knows of its tables, one table at a time: VACUUM ANALYZE on PostgreSQL, PRAGMA optimize on SQLite, where a VACUUM would stop every writer."},
	Job{Name: "page-views", Was: "J3", Guard: notHere, Kept: "-", Does: "Not here: there are no pages yet."},
	Job{Name: "oauth-cleanup", Was: "J4", Guard: notHere, Kept: "-", Does: "Not here: there are no OAuth tokens yet."},
	Job{Name: UnverifiedCleanup, Was: "J5", Every: Every{Day, at(1, 7)}, Class: cleaning, Guard: inSteps, Kept: "accounts that were never verified: `account.unverified_days`",
		Does: "Deletes accounts that wait for their verification code and have never logged in, 20 at a time."},
	Job{Name: EventCleanup, Was: "J6", Every: Every{Day, at(1, 22)}, Class: cleaning, Guard: inSteps, Kept: "events of clients, of strangers and of the server: `telemetry.event_days`; of lobbies and matches: for ever",
		Does: "Deletes old events of telemetry, 500 at a time."},
	Job{Name: MatchCleanup, Was: "J7", Every: Every{Hour, at(0, 17)}, Class: cleaning, Guard: twiceIsOnce, Kept: "unrated matches: `match.unrated_days`; tags and end data: `match.data_days`; matches that were never played: a day more than `lobby.chat_days`; rated matches: for ever",
		Does: "Deletes and strips old matches, 5 at a time with a second between, at most 500 of each sort in an hour; ends between two steps when the lease is lost."},
	Job{Name: ServerMinute, Was: "J8", Every: Every{Minute, 2 * time.Second}, Guard: oneTransaction + ", as is what was counted of each node", Kept: "`telemetry.minute_days`, by " + ServerDay,
		Does: "Writes who is online and what all nodes counted since the row before."},
	Job{Name: Restrictions, Was: "J9", Every: Every{Minute, 5 * time.Second}, Class: Restrictions, Guard: rowByRow, Kept: "-",
		Does: "Ends restrictions whose time is over."},
	Job{Name: MatchProcessing, Was: "J10", Every: Every{Minute, 10 * time.Second}, Class: MatchProcessing, Guard: rowByRow, Kept: "-",
		Does: "Processes matches that have ended: who played, who won, ratings, and what the host is told of them."},
	Job{Name: ServerDay, Was: "J11", Every: Every{Day, at(9, 1)}, Each: Day, Guard: oneTransaction, Kept: "for ever; rows of minutes: `telemetry.minute_days`",
		Does: "Sums the minutes of each complete day without a row."},
	Job{Name: ServerWeek, Was: "J12", Every: Every{Day, at(9, 2)}, Each: Week, Guard: oneTransaction, Kept: "for ever",
		Does: "Sums the days of each complete week without a row."},
	Job{Name: ServerMonth, Was: "J13", Every: Every{Day, at(9, 3)}, Each: Month, Guard: oneTransaction, Kept: "for ever",
		Does: "Sums the days of each complete month without a row."},
	Job{Name: ServerQuarter, Was: "J14", Every: Every{Day, at(9, 4)}, Each: Quarter, Guard: oneTransaction, Kept: "for ever",
		Does: "Sums the days of each complete quarter without a row."},
	Job{Name: ServerYear, Was: "J15", Every: Every{Day, at(9, 5)}, Each: Year, Guard: oneTransaction, Kept: "for ever",
		Does: "Sums the days of each complete year without a row."},
	Job{Name: MatchDay, Was: "J16", Every: Every{Day, at(9, 6)}, Each: Day, Guard: oneTransaction, Kept: "for ever",
		Does: "Counts the matches of each complete day without a row, by type, map and hour."},
	Job{Name: MatchMonth, Was: "J17", Every: Every{Day, at(9, 7)}, Each: Month, Guard: oneTransaction, Kept: "for ever",
		Does: "Sums the match days of each complete month without a row."},
	Job{Name: InfologCleanup, Was: "J18", Every: Every{Day, at(9, 8)}, Class: cleaning, Guard: inSteps, Kept: "infologs: `telemetry.infolog_days`",
		Does: "Deletes old infologs, 20 at a time."},
	Job{Name: ActivityDay, Was: "J19", Every: Every{Day, at(9, 9)}, Each: Day, Class: "activity", Guard: inSteps, Kept: "for ever",
		Does: "Writes for each complete day how many minutes every user was in the menu, in a lobby, watching and playing, 200 users at a time."},
	Job{Name: "achievement-cleanup", Was: "J20", Guard: notHere, Kept: "-", Does: "Not here: who gets the harder award gets the easier one with it, in one transaction."},
	Job{Name: PlayMinutes, Was: "J21", Every: Every{HalfDay, at(3, 2)}, Class: "activity", Guard: "one owner; a day of a user is added and noted as added in one transaction", Kept: "-",
		Does: "Adds the days of activity to the minutes of the accounts, by an expression on their rows, 50 at a time."},
	Job{Name: Mail, Was: "-", Every: Every{Minute, 20 * time.Second}, Class: Mail, Guard: "a letter is taken for longer than a try lasts", Kept: "letters that are over: 30 days, by " + HourlyCleanup,
		Does: "Sends the letters that are due: those that could not be sent before, and those of nodes that are gone. The node that writes a letter sends it at once."},
)

func table(jobs ...Job) []Job {
	for i, j := range jobs {
		if j.Every.Unit != "" {
			jobs[i].Enabled = setting.Define("job."+j.Name, true, setting.Bool, "Whether the job "+j.Name+" runs.")
		}
	}
	return jobs
}

// Find returns a row of Table.
func Find(name string) (Job, bool) {
	for _, j := range Table {
		if j.Name == name {
			return j, true
		}
	}
	return Job{}, false
}
