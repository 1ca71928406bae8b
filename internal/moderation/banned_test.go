package moderation

import (
	"strings"
	"testing"
)

func TestSeverity(t *testing.T) {
	t.Parallel()
	b := NewBanned([]string{"bad.com"}, []Phrase{
		{Text: "darn", Form: FormRaw, Severity: SeverityLow},
		{Text: "very b4d", Form: FormRaw, Severity: SeverityMedium},
		{Text: "go*away", Form: FormFuzzy, Severity: SeverityHigh},
		{Text: `\bex\d+\b`, Form: FormRegex, Severity: SeverityMedium},
		{Text: "(", Form: FormRegex, Severity: SeverityHigh}, // of another release
	})
	for text, want := range map[string]string{
		"":                          "",
		"hello":                     "",
		"Darn it":                   SeverityLow,
		"d4rn":                      SeverityLow,
		"xD_A-R-Nx":                 SeverityLow,
		"darn, that is very BAD":    SeverityMedium,
		"go":                        "",
		"g0, all of you, far 4way":  SeverityHigh,
		"darn, go and stay away":    SeverityHigh,
		"ex42":                      SeverityMedium,
		"exit":                      "",
		strings.Repeat("a", 10_000): "",
	} {
		if got := b.Severity(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if (*Banned)(nil).Severity("darn") != "" || !b.Domains["bad.com"] {
		t.Error("no lists, or no domain")
	}
}

func TestPhraseCheck(t *testing.T) {
	t.Parallel()
	for _, p := range []Phrase{
		{Text: "", Form: FormRaw, Severity: SeverityLow},
		{Text: strings.Repeat("x", 201), Form: FormRaw, Severity: SeverityLow},
		{Text: "x", Form: "sort of", Severity: SeverityLow},
		{Text: "x", Form: FormRaw, Severity: "dire"},
		{Text: "*", Form: FormFuzzy, Severity: SeverityLow},
		{Text: "-_", Form: FormRaw, Severity: SeverityLow}, // nothing when it is folded
		{Text: "(", Form: FormRegex, Severity: SeverityLow},
		{Text: "x?", Form: FormRegex, Severity: SeverityLow},
	} {
		if p.check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
}
