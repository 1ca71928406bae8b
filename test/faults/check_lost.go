package faults

import "slices"

// span is a time in which something held.
type span struct{ begin, end int64 }

// lost are the times of which the store may have lost what was committed: a standby that
// lagged took over, or a backup was put back.
func lost(events []Event) (spans []span) {
	for _, e := range events {
		if e.Kind == Fault && e.What == Lost {
			spans = append(spans, span{e.Start, e.At})
		}
	}
	return spans
}

// touches says whether something from begin to end may have been lost.
func touches(spans []span, begin, end int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return begin <= s.end && s.begin <= end })
}

// forgotten makes of operations what they are when the store may have lost what it did in
// these times: what was acknowledged may have happened, or be undone; what was read, or
// refused for what was read, says nothing.
func forgotten(spans []span, events []Event, reads func(Event) bool) []Event {
	if len(spans) == 0 {
		return events
	}
	kept := make([]Event, 0, len(events))
	for _, e := range events {
		if touches(spans, e.Start, e.At) {
			if reads(e) {
				continue
			}
			e.Result = Unknown
		}
		kept = append(kept, e)
	}
	return kept
}
