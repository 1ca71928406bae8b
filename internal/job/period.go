package job

import (
	"fmt"
	"time"
)

// Unit is a length of time by which periods are named. All are of UTC.
type Unit string

// The units.
const (
	Minute  Unit = "minute"
	Hour    Unit = "hour"
	HalfDay Unit = "half day"
	Day     Unit = "day"
	Week    Unit = "week" // begins on Monday, numbered as in ISO 8601
	Month   Unit = "month"
	Quarter Unit = "quarter"
	Year    Unit = "year"
)

// layouts are the names of periods that are a beginning of their first moment. Names of
// one unit sort as the periods do.
var layouts = map[Unit]string{
	Minute: "2006-01-02T15:04", Hour: "2006-01-02T15", Day: "2006-01-02", Month: "2006-01", Year: "2006",
}

// Begin is the first moment of the period in which t lies.
func (u Unit) Begin(t time.Time) time.Time {
	t = t.UTC()
	y, m, d := t.Date()
	switch u {
	case Minute:
		return t.Truncate(time.Minute)
	case Hour:
		return t.Truncate(time.Hour)
	case HalfDay:
		return t.Truncate(12 * time.Hour)
	case Week:
		return time.Date(y, m, d-int(t.Weekday()+6)%7, 0, 0, 0, 0, time.UTC)
	case Month:
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case Quarter:
		return time.Date(y, m-(m-1)%3, 1, 0, 0, 0, 0, time.UTC)
	case Year:
		return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	default:
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
}

// After is the first moment of the period after the one in which t lies.
func (u Unit) After(t time.Time) time.Time {
	t = u.Begin(t)
	switch u {
	case Minute:
		return t.Add(time.Minute)
	case Hour:
		return t.Add(time.Hour)
	case HalfDay:
		return t.Add(12 * time.Hour)
	case Week:
		return t.AddDate(0, 0, 7)
	case Month:
		return t.AddDate(0, 1, 0)
	case Quarter:
		return t.AddDate(0, 3, 0)
	case Year:
		return t.AddDate(1, 0, 0)
	default:
		return t.AddDate(0, 0, 1)
	}
}

// Name names the period in which t lies.
func (u Unit) Name(t time.Time) string {
	t = t.UTC()
	switch u {
	case HalfDay:
		return fmt.Sprintf("%s.%d", t.Format(time.DateOnly), t.Hour()/12+1)
	case Week:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), (t.Month()+2)/3)
	default:
		return t.Format(layouts[u])
	}
}

// Parse is the first moment of the period with this name.
func (u Unit) Parse(name string) (time.Time, error) {
	var (
		year, n int
		day     string
		err     error
	)
	switch u {
	case HalfDay:
		if len(name) == len("2006-01-02.1") {
			day, n = name[:10], int(name[11]-'0')
		}
		t, e := time.Parse(time.DateOnly, day)
		if e != nil || n < 1 || n > 2 {
			return t, fmt.Errorf("period %q is no half day", name)
		}
		return t.Add(time.Duration(n-1) * 12 * time.Hour), nil
	case Week:
		if _, err = fmt.Sscanf(name, "%4d-W%2d", &year, &n); err == nil {
			first := Week.Begin(time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)) // is in week 1
			return first.AddDate(0, 0, 7*(n-1)), nil
		}
	case Quarter:
		if _, err = fmt.Sscanf(name, "%4d-Q%1d", &year, &n); err == nil {
			return time.Date(year, time.Month(3*n-2), 1, 0, 0, 0, 0, time.UTC), nil
		}
	default:
		t, e := time.Parse(layouts[u], name)
		if err = e; err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("period %q is no %s: %w", name, u, err)
}

// Complete reports whether a period has ended by now.
func (u Unit) Complete(name string, now time.Time) bool {
	t, err := u.Parse(name)
	return err == nil && !u.After(t).After(now)
}

// Every says when a job is triggered: so long after the beginning of each period.
type Every struct {
	Unit Unit
	At   time.Duration
}

// Next is the next trigger after a moment. It implements River's schedule.
func (e Every) Next(after time.Time) time.Time { return e.Unit.After(after.Add(-e.At)).Add(e.At) }

// Latest names the period whose trigger is the last before now, or now.
func (e Every) Latest(now time.Time) string { return e.Unit.Name(e.Unit.Begin(now.Add(-e.At))) }

func (e Every) String() string {
	hours, minutes := int(e.At.Hours()), int(e.At.Minutes())%60
	switch e.Unit {
	case "":
		return "never"
	case Minute:
		return "every minute"
	case Hour:
		return fmt.Sprintf("every hour at :%02d", minutes)
	case HalfDay:
		return fmt.Sprintf("%02d:%02d and %02d:%02d", hours, minutes, hours+12, minutes)
	default:
		return fmt.Sprintf("every %s at %02d:%02d", e.Unit, hours, minutes)
	}
}
