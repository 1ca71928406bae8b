package app

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"teiserver/internal/config"
)

// TestPlace: the lock proves that a namesake of the same folder is dead, and says
// nothing of one that has another folder on the same host.
func TestPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lock := func(folder string) (string, error) {
		s := &Server{cfg: config.Config{DataDir: filepath.Join(dir, folder)}, log: slog.New(slog.DiscardHandler)}
		err := s.lockFolder(t.Context())
		if err == nil && s.place == "" {
			t.Error("no proof at all")
		}
		t.Cleanup(func() { _ = s.Stop(context.Background()) })
		return s.place, err
	}
	first, err := lock("a")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := lock("b"); err != nil || other == first {
		t.Errorf("two folders are at %q: %v", other, err)
	}
	if _, err := lock("a"); err == nil {
		t.Error("a folder was locked twice")
	}
	again := &Server{cfg: config.Config{DataDir: filepath.Join(dir, "c")}, log: slog.New(slog.DiscardHandler)}
	var places [2]string
	for i := range places {
		if err := again.lockFolder(t.Context()); err != nil {
			t.Fatal(err)
		}
		places[i] = again.place
		if err := again.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if places[0] != places[1] {
		t.Errorf("one folder is at %q", places)
	}
}

// TestBusyPort: every port is looked at first, also the one that the bus takes later.
func TestBusyPort(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	at := busy.Addr().String()
	for flag, cfg := range map[string]config.Config{
		"spring-listen":  {SpringListen: at},
		"http-listen":    {HTTPListen: at},
		"cluster-listen": {ClusterListen: at},
	} {
		s := &Server{cfg: cfg, listeners: map[string]net.Listener{}}
		if err := s.listen(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "--"+flag+" "+at+": the port is used") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
