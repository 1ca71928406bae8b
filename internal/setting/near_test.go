package setting

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearNames(t *testing.T) {
	t.Parallel()
	known := []string{"spring-listen", "spring-tls-listen", "http-listen", "data-dir", "motd"}
	for name, want := range map[string][]string{
		"spring-lisen":  {"spring-listen"},
		"SPRING-LISTEN": {"spring-listen"},
		"listen":        {"http-listen", "spring-listen", "spring-tls-listen"},
		"datadir":       {"data-dir"},
		"zzz":           {},
		"mo":            {"motd"},
		"x":             {},
	} {
		if diff := cmp.Diff(want, nearNames(name, known)); diff != "" {
			t.Errorf("nearNames(%q):\n%s", name, diff)
		}
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	if got, want := hint("mtd", []string{"motd", "other"}), " (did you mean motd?)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := hint("nothing", []string{"motd"}); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
