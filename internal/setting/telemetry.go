package setting

// Telemetry, and how long what is said and told is kept.
var (
	Telemetry = Define("addon.telemetry", true, Bool,
		"Whether events and properties that clients send are kept, and rows of who is online written.")
	EventDays = Define("telemetry.event_days", 90, Int(1, 36500),
		"After how many days events of clients, of strangers and of the server are deleted; those of lobbies and matches stay.")
	InfologDays = Define("telemetry.infolog_days", 31, Int(1, 36500),
		"After how many days uploaded infologs are deleted.")
	LobbyChatDays = Define("lobby.chat_days", 90, Int(1, 36500),
		"After how many days what was said in lobbies is deleted.")
	MinuteDays = Define("telemetry.minute_days", 30, Int(2, 36500),
		"After how many days rows of minutes are deleted, if those of their day have been made.")
	MarkDays = Define("job.mark_days", 30, Int(2, 36500),
		"After how many days marks of jobs that come every minute, hour or half day are deleted.")
	UnverifiedDays = Define("account.unverified_days", 14, Int(1, 36500),
		"After how many days an account is deleted that was never verified.")
)
