package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/rating"
)

// TestMatchesWait: while all matches of a type are rated again, ended ones wait.
func TestMatchesWait(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Config{
		DataDir: dir, NodeName: "a", Database: config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
		SpringListen: "127.0.0.1:0", LogLevel: "warn", LogFormat: "text", Unlimited: true, StopTimeout: 10 * time.Second,
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := Start(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	expect := func(what string, may bool) {
		t.Helper()
		if s.mayProcess(ctx) != may {
			t.Errorf("%s: processed %t", what, !may)
		}
	}
	expect("at first", true)
	h, _, err := s.store.HoldRatings(ctx, "t", rating.Duel, 1)
	if err != nil {
		t.Fatal(err)
	}
	expect("held", false)
	if err := s.store.EndHold(ctx, h); err != nil {
		t.Fatal(err)
	}
	expect("done", true)
}
