// Package refusal is the typed "no" of the domain.
//
// A refusal is an answer, not a failure: it carries a code that protocols
// translate and a message that the user may read. Everything else that goes
// wrong is an ordinary error and is shown to the operator only.
package refusal

import (
	"errors"
	"fmt"
)

// Code names a reason. Protocols map codes to their own words; the tables are
// checked for completeness against All.
type Code string

// The codes of the domain.
const (
	Invalid     Code = "invalid"     // the request makes no sense
	NotFound    Code = "not_found"   // what was named does not exist
	Forbidden   Code = "forbidden"   // the actor may not do this
	Taken       Code = "taken"       // a name or address is in use
	Locked      Code = "locked"      // the lobby is locked
	Password    Code = "password"    // wrong password
	Banned      Code = "banned"      // the actor is banned here
	Full        Code = "full"        // no room left
	Flood       Code = "flood"       // too many requests
	Unverified  Code = "unverified"  // the account waits for its verification code
	Unavailable Code = "unavailable" // cannot be decided now: try again
	Superseded  Code = "superseded"  // a newer session of the same account has taken over
)

// All lists every code.
var All = []Code{Invalid, NotFound, Forbidden, Taken, Locked, Password, Banned, Full, Flood, Unverified, Unavailable, Superseded}

// Error is a refusal.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// New makes a refusal with a message for the user.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// As returns the refusal in err's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Is reports whether err is a refusal with this code.
func Is(err error, code Code) bool {
	e, ok := As(err)
	return ok && e.Code == code
}
