package wire

import (
	"strings"
	"testing"
)

// TestUserLines compares with what Teiserver said of the same.
func TestUserLines(t *testing.T) {
	t.Parallel()
	frank := &Person{ID: 13, Name: "Frank"}
	for want, got := range map[string][]byte{
		"s.user.whois 13 eyJuYW1lIjoiRnJhbmsiLCJjb3VudHJ5IjoiPz8iLCJpY29uIjoiZmEtc29saWQgZmEtdXNlciIsImNvbG91ciI6IiM2NjY2NjYifQ":                                                                                AppendWhois(nil, 13, frank),
		"s.user.whois 99999 eyJlcnJvciI6InVzZXIgbm90IGZvdW5kIn0":                                                                                                                                                AppendWhois(nil, 99999, nil),
		"s.user.whoisName Frank eyJpZCI6MTMsIm5hbWUiOiJGcmFuayIsImNvdW50cnkiOiI/PyIsImljb24iOiJmYS1zb2xpZCBmYS11c2VyIiwiY29sb3VyIjoiIzY2NjY2NiJ9":                                                               AppendWhoisName(nil, "frank", frank),
		"s.user.whoisName Nobody99 eyJlcnJvciI6InVzZXIgbm90IGZvdW5kIn0":                                                                                                                                         AppendWhoisName(nil, "Nobody99", nil),
		"s.user.list_relationships eyJibG9ja3MiOltdLCJmcmllbmRzIjpbXSwiYXZvaWRzIjpbXSwiZm9sbG93cyI6WzEzXSwiaWdub3JlcyI6WzEzXSwiaW5jb21pbmdfZnJpZW5kX3JlcXVlc3RzIjpbXSwib3V0Z29pbmdfZnJpZW5kX3JlcXVlc3RzIjpbXX0": AppendRelationships(nil, Relationships{Follows: []int64{13}, Ignores: []int64{13}}),
		"s.user.add_friend 13\tsuccess":                                AppendFriendDone(nil, "add_friend", 13),
		"s.user.add_friend 99999\tfailure\tno user of that id":         AppendFriendFailed(nil, "add_friend", 99999, "no user of that id"),
		"OK cmd=c.user.follow\tuserName=Frank":                         AppendRelated(nil, "c.user.follow", "Frank", true, ""),
		"NO cmd=c.user.follow\tuserName=Nobody99":                      AppendRelated(nil, "c.user.follow", "Nobody99", false, ""),
		"NO cmd=c.user.ignore\tuserName=X Maximum 300 ignores reached": AppendRelated(nil, "c.user.ignore", "X", false, "Maximum 300 ignores reached"),
		"NO cmd=c.user.block\tuserName=a b c":                          AppendRelated(nil, "c.user.block", "a\tb\n c", false, ""),
		"s.user.follow_by_id 13\tsuccess":                              AppendRelatedByID(nil, "follow", 13, true, ""),
		"s.user.avoid_by_id 13\terror\tNo message":                     AppendRelatedByID(nil, "avoid", 13, false, ""),
		"s.user.avoid_by_id 13\terror\tMaximum 300 avoids reached":     AppendRelatedByID(nil, "avoid", 13, false, "Maximum 300 avoids reached"),
		"s.user.closeness userName=Frank\tfollow":                      AppendCloseness(nil, "Frank", true, "follow"),
		"NO cmd=c.user.closeness\tuserName=Frank no cond match":        AppendCloseness(nil, "Frank", true, ""),
		"NO cmd=c.user.closeness\tuserName=Nobody99 no user":           AppendCloseness(nil, "Nobody99", false, ""),
	} {
		if string(got) != want+"\n" {
			t.Errorf("got  %q\nwant %q", got, want+"\n")
		}
		if strings.Count(string(got), "\n") != 1 {
			t.Errorf("%q is not one line", got)
		}
	}
}
