package job

import (
	"math/rand/v2"
	"testing"
	"time"
)

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		unit        Unit
		at          string
		name, begin string
		after       string
	}{
		{Minute, "2026-10-03 14:05:59", "2026-10-03T14:05", "2026-10-03 14:05:00", "2026-10-03 14:06:00"},
		{Hour, "2026-12-31 23:59:59", "2026-12-31T23", "2026-12-31 23:00:00", "2027-01-01 00:00:00"},
		{HalfDay, "2026-10-03 11:59:59", "2026-10-03.1", "2026-10-03 00:00:00", "2026-10-03 12:00:00"},
		{HalfDay, "2026-10-03 12:00:00", "2026-10-03.2", "2026-10-03 12:00:00", "2026-10-04 00:00:00"},
		{Day, "2028-02-28 10:00:00", "2028-02-28", "2028-02-28 00:00:00", "2028-02-29 00:00:00"},
		{Week, "2027-01-03 23:00:00", "2026-W53", "2026-12-28 00:00:00", "2027-01-04 00:00:00"},
		{Week, "2027-01-04 00:00:00", "2027-W01", "2027-01-04 00:00:00", "2027-01-11 00:00:00"},
		{Month, "2026-01-31 12:00:00", "2026-01", "2026-01-01 00:00:00", "2026-02-01 00:00:00"},
		{Quarter, "2026-12-31 12:00:00", "2026-Q4", "2026-10-01 00:00:00", "2027-01-01 00:00:00"},
		{Year, "2026-07-01 12:00:00", "2026", "2026-01-01 00:00:00", "2027-01-01 00:00:00"},
	} {
		at := moment(t, tc.at)
		if got := tc.unit.Name(at); got != tc.name {
			t.Errorf("%s of %s is %s, want %s", tc.unit, tc.at, got, tc.name)
		}
		if got := tc.unit.Begin(at); !got.Equal(moment(t, tc.begin)) {
			t.Errorf("%s of %s begins %s, want %s", tc.unit, tc.at, got, tc.begin)
		}
		if got := tc.unit.After(at); !got.Equal(moment(t, tc.after)) {
			t.Errorf("%s after %s begins %s, want %s", tc.unit, tc.at, got, tc.after)
		}
	}
}

// Periods follow each other without gap or overlap, names sort as they do, and can be
// read back.
func TestPeriodsFollow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, u := range []Unit{Minute, Hour, HalfDay, Day, Week, Month, Quarter, Year} {
		for range 2000 {
			at := time.Unix(r.Int64N(4e9), 0).UTC()
			begin, next := u.Begin(at), u.After(at)
			if at.Before(begin) || !at.Before(next) || !u.Begin(next).Equal(next) || !u.Begin(next.Add(-1)).Equal(begin) {
				t.Fatalf("%s of %s is from %s to %s", u, at, begin, next)
			}
			if u.Name(at) != u.Name(begin) || u.Name(next) <= u.Name(begin) {
				t.Fatalf("%s %s is not before %s", u, u.Name(begin), u.Name(next))
			}
			if back, err := u.Parse(u.Name(at)); err != nil || !back.Equal(begin) {
				t.Fatalf("%s %q read back is %s, %v", u, u.Name(at), back, err)
			}
			if u.Complete(u.Name(at), next.Add(-1)) || !u.Complete(u.Name(at), next) {
				t.Fatalf("%s %s is not complete at its end alone", u, u.Name(at))
			}
		}
		if _, err := u.Parse("last week"); err == nil {
			t.Errorf("%s: nonsense is a period", u)
		}
	}
}

// A schedule names the same period from one trigger to the next.
func TestSchedule(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, j := range Table {
		if j.Every.Unit == "" {
			continue
		}
		for range 500 {
			at := time.Unix(1_700_000_000+r.Int64N(1e8), 0).UTC()
			next := j.Every.Next(at)
			if !next.After(at) {
				t.Fatalf("%s: next after %s is %s", j.Name, at, next)
			}
			if a, b := j.Every.Latest(at), j.Every.Latest(next.Add(-1)); a != b {
				t.Fatalf("%s: %s becomes %s before its trigger", j.Name, a, b)
			}
			if a, b := j.Every.Latest(at), j.Every.Latest(next); a >= b {
				t.Fatalf("%s: %s at %s, then %s", j.Name, a, at, b)
			}
		}
	}
	day := Every{Day, 9*time.Hour + time.Minute}
	if got := day.Latest(moment(t, "2026-10-03 09:00:59")); got != "2026-10-02" {
		t.Error(got)
	}
	if got := day.Latest(moment(t, "2026-10-03 09:01:00")); got != "2026-10-03" {
		t.Error(got)
	}
}
