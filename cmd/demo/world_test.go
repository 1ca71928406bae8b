package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// owned makes the row of a process as the command line prints it.
func owned(t *testing.T, text string) map[string]owner {
	t.Helper()
	var list []owner
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	m := map[string]owner{}
	for _, o := range list {
		m[o.name()] = o
	}
	return m
}

func TestChanges(t *testing.T) {
	t.Parallel()
	before := &world{
		rows: map[string]row{
			"n1": {Name: "n1", Incarnation: 1, State: "serving", Left: time.Second, Hears: []string{"n2", "n3"}},
			"n2": {Name: "n2", Incarnation: 2, State: "serving", Left: time.Second, Hears: []string{"n1"}},
			"n3": {Name: "n3", Incarnation: 3, State: "serving", Left: time.Second},
		},
		owners: owned(t, `[
			{"key":{"kind":"lobby","id":"1"},"node":"n2","epoch":1,"state":"owned","since":1000},
			{"key":{"kind":"lobby","id":"2"},"node":"n2","epoch":4,"state":"owned","since":1000},
			{"key":{"kind":"lobby","id":"3"},"node":"n3","epoch":1,"state":"owned","since":1000},
			{"key":{"kind":"chat","id":"x"},"node":"n3","epoch":2,"state":"owned","since":1000},
			{"key":{"kind":"chat","id":"old"},"node":"n1","epoch":2,"state":"owned","since":1000}]`),
		ready: map[string]string{"n1": ready, "n2": ready, "n3": "starting"},
	}
	now := &world{
		rows: map[string]row{
			"n1": {Name: "n1", Incarnation: 1, State: "serving", Left: time.Second, Hears: []string{"n3"}},
			"n2": {Name: "n2", Incarnation: 2, State: "gone"},
			"n3": {Name: "n3", Incarnation: 4, State: "serving", Left: -time.Second},
		},
		owners: owned(t, `[
			{"key":{"kind":"lobby","id":"1"},"node":"n1","epoch":2,"state":"owned","since":8400},
			{"key":{"kind":"lobby","id":"2"},"node":"n1","epoch":5,"state":"owned","since":8100},
			{"key":{"kind":"lobby","id":"3"},"node":"n3","epoch":2,"state":"owned","since":9000},
			{"key":{"kind":"chat","id":"x"},"node":"n1","epoch":3,"state":"owned","since":9000},
			{"key":{"kind":"chat","id":"new"},"node":"n3","epoch":1,"state":"owned","since":9000}]`),
		ready: map[string]string{"n1": ready, "n2": "no connection", "n3": ready},
	}
	blow := func(node string) (string, time.Time) {
		if node == "n2" {
			return "killed", time.UnixMilli(5000)
		}
		return "", time.Time{}
	}
	want := []news{
		{false, "n1 does not hear n2 any more"},
		{true, "n2 is gone"},
		{false, "n3 has joined, incarnation 4, expired"},
		{false, "n1 has taken over lobby/1, lobby/2, 3.4 s after n2 was killed"},
		{false, "n1 has got chat/x from n3"},
		{false, "n3 runs chat/new"},
		{false, "n3 runs lobby/3 again"},
		{false, "chat/old has ended"},
		{false, "n2 is not ready: no connection"},
		{false, "n3 is ready"},
	}
	if diff := cmp.Diff(want, changes(before, now, blow), cmp.AllowUnexported(news{})); diff != "" {
		t.Error(diff)
	}
	if got := changes(now, now, blow); got != nil {
		t.Errorf("nothing has changed, but: %v", got)
	}
	away := &world{rows: now.rows, owners: now.owners, ready: now.ready, trouble: "locked"}
	if got := changes(now, away, blow); len(got) != 1 || !got[0].bad {
		t.Errorf("the database is away: %v", got)
	}
}
