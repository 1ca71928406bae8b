package wire

import "strings"

// ReportUser is c.moderation.report_user. Its User is empty if the form is wrong.
type ReportUser struct{ User, Place, PlaceID, Text string }

var moderationCommands = []Spec{
	{Name: "c.moderation.report_user", Form: "userName<tab>locationType<tab>locationId<tab>{reason}", Example: "Bob\tlobby\t6\tbad words",
		Decode: all(decodeReport)},
}

// decodeReport takes exactly four fields.
func decodeReport(args string) ReportUser {
	f := strings.Split(args, "\t")
	if len(f) != 4 || !isWord(f[0]) {
		return ReportUser{}
	}
	return ReportUser{User: f[0], Place: f[1], PlaceID: f[2], Text: strings.TrimSpace(f[3])}
}
