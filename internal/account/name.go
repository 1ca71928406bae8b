package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of the name rules, as clients know them.
const (
	textReserved = "That name is in restricted for use by the server, please choose another"
	textConduct  = "Not an acceptable name, please see section B3 of the code of conduct"
	textLength   = "Max length %d characters"
	textSymbols  = "Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)"
	textRepeated = "Too many repeated symbols in name"
	textTaken    = "Username already taken"
)

// minName is the shortest name. Shorter ones look like typing mistakes in a chat.
const minName = 3

// ofServer are names that look like parts of the server or its hosts.
var ofServer = []string{"[lm]", "[ts]", "[tei]", "host["}

// internalBots are the names of the server's own users. They are taken even
// before the store has them.
var internalBots = []string{"coordinator", "autohostmonitor"}

// CleanName removes what no name has. LOGIN is looked up by the result.
func CleanName(name string) string {
	if strings.IndexFunc(name, foreign) < 0 {
		return name
	}
	return strings.Map(func(r rune) rune {
		if foreign(r) {
			return -1
		}
		return r
	}, name)
}

func foreign(r rune) bool { return !alphanumeric(r) && !strings.ContainsRune("_[]{}", r) }

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// checkForm applies the rules that everybody's names keep, bots' included.
func checkForm(name string, maxLength int) *refusal.Error {
	clean := CleanName(name)
	if utf8.RuneCountInString(clean) > maxLength {
		return refusal.New(refusal.Invalid, textLength, maxLength)
	}
	if clean != name || name == "" {
		return refusal.New(refusal.Invalid, textSymbols)
	}
	counts := map[rune]int{}
	for _, r := range name {
		if alphanumeric(r) {
			continue
		}
		if counts[r]++; counts[r] > 2 {
			return refusal.New(refusal.Invalid, textRepeated)
		}
	}
	return nil
}

// checkChosen applies the rules for names that users choose.
func (s *Service) checkChosen(ctx context.Context, name string) error {
	low := strings.ToLower(name)
	for _, part := range ofServer {
		if strings.Contains(low, part) {
			return refusal.New(refusal.Invalid, textReserved)
		}
	}
	flagged, err := s.opts.Flagged(ctx, name)
	if err != nil {
		return err
	}
	if flagged || barcode(name) || utf8.RuneCountInString(name) < minName {
		return refusal.New(refusal.Invalid, textConduct)
	}
	if no := checkForm(name, setting.MaxNameLength.Get(ctx, s.settings)); no != nil {
		return no
	}
	return nil
}

// barcode reports a name of characters that nobody can tell apart.
func barcode(name string) bool {
	return strings.Trim(name, "LliI10oO|") == ""
}

// checkFree refuses a name that another user than self has.
func (s *Service) checkFree(ctx context.Context, name string, self int64) error {
	low := strings.ToLower(name)
	for _, bot := range internalBots {
		if low == bot {
			return refusal.New(refusal.Taken, textTaken)
		}
	}
	id, err := s.lookup.idByName(ctx, low)
	if err != nil {
		return err
	}
	if id != 0 && id != self {
		return refusal.New(refusal.Taken, textTaken)
	}
	return nil
}
