package client

import "time"

// Bucket limits how fast one connection sends: full at connect, one token per
// line, refilled evenly over a minute. It is not safe for concurrent use: the
// reader of the connection owns it.
type Bucket struct {
	perMinute int64
	credit    int64     // in parts of a token: token of them make one
	at        time.Time // when credit was true
}

// token is the cost of a line. A nanosecond earns perMinute parts, so whole
// numbers suffice and a line every 300 ms is granted for ever, not nearly.
const token = int64(time.Minute)

// NewBucket returns a full bucket that holds, and regains in a minute, perMinute tokens.
func NewBucket(perMinute int, now time.Time) Bucket {
	return Bucket{perMinute: int64(perMinute), credit: int64(perMinute) * token, at: now}
}

// Take takes a token and reports whether there was one. A clock that steps back
// gives nothing and takes nothing.
func (b *Bucket) Take(now time.Time) bool {
	b.refill(now)
	if b.credit < token {
		return false
	}
	b.credit -= token
	return true
}

// Resize changes the limit of a connection that is already there, so that a
// changed setting needs no reconnect. Tokens above the new capacity are lost;
// nothing is given at once, or repeated changes would be a way around the limit.
func (b *Bucket) Resize(perMinute int, now time.Time) {
	b.refill(now)
	b.perMinute = int64(perMinute)
	b.credit = min(b.credit, b.perMinute*token)
}

func (b *Bucket) refill(now time.Time) {
	if passed := min(now.Sub(b.at), time.Minute); passed > 0 {
		b.credit = min(b.credit+int64(passed)*b.perMinute, b.perMinute*token)
	}
	b.at = now
}
