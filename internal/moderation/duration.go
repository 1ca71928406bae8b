package moderation

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// long is how far away an end is that is none: a Login for so long is a permanent ban.
const longYears = 10

// farYears is how far away an end may be; later ones are never.
const farYears = 1000

// ParseExpiry reads when an action ends: "7 days", a date, or "never". It is zero for never.
func ParseExpiry(text string, now time.Time) (time.Time, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	switch text {
	case "never", "permanent", "forever":
		return time.Time{}, nil
	case "":
		return time.Time{}, fmt.Errorf("how long? \"7 days\", a date, or \"never\"")
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
		if at, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return ahead(at.UTC(), now, text)
		}
	}
	number, unit, ok := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n <= 0 || n > 1_000_000 {
		return time.Time{}, fmt.Errorf("%q is no time: \"7 days\", a date, or \"never\"", text)
	}
	now = now.UTC()
	switch strings.TrimSuffix(strings.TrimSpace(unit), "s") {
	case "second":
		return now.Add(time.Duration(n) * time.Second), nil
	case "minute":
		return now.Add(time.Duration(n) * time.Minute), nil
	case "hour":
		return now.Add(time.Duration(n) * time.Hour), nil
	case "day":
		return far(now, 0, 0, n), nil
	case "week":
		return far(now, 0, 0, 7*n), nil
	case "month":
		return far(now, 0, n, 0), nil
	case "year":
		return far(now, n, 0, 0), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: seconds, minutes, hours, days, weeks, months or years", text)
}

func far(now time.Time, years, months, days int) time.Time {
	if years >= farYears || months >= 12*farYears || days >= 365*farYears {
		return time.Time{}
	}
	return now.AddDate(years, months, days)
}

func ahead(at, now time.Time, text string) (time.Time, error) {
	switch {
	case !at.After(now):
		return time.Time{}, fmt.Errorf("%s is over", text)
	case at.After(now.AddDate(farYears, 0, 0)):
		return time.Time{}, nil
	}
	return at, nil
}

// permanent reports an end that nobody will see.
func permanent(expires, now time.Time) bool {
	return expires.IsZero() || expires.After(now.AddDate(longYears, 0, 0))
}
