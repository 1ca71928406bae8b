package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestQuiet: what the queue says in ordinary times, and as it stops, is no news.
func TestQuiet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(quiet{slog.NewTextHandler(&out, nil)}).With("node", "a")
	log.Info("started")
	log.Error("transaction", "error", fmt.Errorf("begin: %w", context.Canceled))
	log.Error("transaction", "error", context.Canceled.Error())
	log.Error("one", "error", errors.New("the store is away"))
	log.Warn("two", "error", context.DeadlineExceeded)
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "one") || !strings.Contains(got, "two") {
		t.Errorf("said:\n%s", got)
	}
}
