//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// binary is the server with failpoints, built once. FAULTS_BINARY names another.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if binary = os.Getenv("FAULTS_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "teiserver")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "teiserver")
	args := []string{"build", "-tags", "failpoints", "-o", binary}
	if os.Getenv("FAULTS_RACE") != "" {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "teiserver/cmd/teiserver")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build teiserver: %v\n%s\n", err, out)
		return 1
	}
	return m.Run()
}

// The numbers of a run that the environment does not give.
const (
	length  = 15 * time.Minute
	players = 18
	hosts   = 8
	quiet   = 3 * time.Minute // for all to agree again
)

// TestFaults runs a schedule: FAULTS_SEED replays one, FAULTS_DURATION is its length,
// FAULTS_ONLY names the faults, separated by commas, FAULTS_DB the database.
func TestFaults(t *testing.T) {
	seed, span, only := arguments(t)
	kind := onKind(t)
	t.Logf("seed %d: repeat with make faults SEED=%d DURATION=%s FAULTS_DB=%s", seed, seed, span, kind)
	r := newRig(t, settings{db: kind, nodes: 3, spare: 1})
	if !r.canDrain() {
		t.Log("there is no cluster drain yet: that fault is left out")
		only = slices.DeleteFunc(only, func(s string) bool { return s == Drain })
	}
	steps := Plan(seed, span, []string{"node1", "node2", "node3"}, "node4", only...)
	text := describe(steps)
	if err := os.WriteFile(filepath.Join(r.dir, "schedule.txt"), []byte(fmt.Sprintf("seed %d\n%s", seed, text)), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLoad(r, seed, players, hosts)
	defer l.end()
	l.wait(readyLimit)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.play(ctx, steps, span)
	r.judge(l)
	if t.Failed() {
		t.Logf("seed %d, schedule:\n%s", seed, text)
	}
}

func arguments(t *testing.T) (seed uint64, span time.Duration, only []string) {
	var err error
	seed, span = rand.Uint64N(1_000_000), length
	if s := os.Getenv("FAULTS_SEED"); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("FAULTS_SEED: %v", err)
		}
	}
	if s := os.Getenv("FAULTS_DURATION"); s != "" {
		if span, err = time.ParseDuration(s); err != nil {
			t.Fatalf("FAULTS_DURATION: %v", err)
		}
	}
	only = Possible(onKind(t))
	if s := os.Getenv("FAULTS_ONLY"); s != "" {
		only = strings.Split(s, ",")
	}
	return seed, span, only
}

// onKind is the kind of database that FAULTS_DB names.
func onKind(t *testing.T) string {
	t.Helper()
	kind, err := databaseKind()
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

// TestEach plays every fault alone for ten seconds and prints what clients saw of it,
// which is what docs/failures.md is written from. FAULTS_ONLY names some.
func TestEach(t *testing.T) {
	_, _, only := arguments(t)
	r := newRig(t, settings{db: onKind(t), nodes: 3, spare: 1})
	l := newLoad(r, 1, players, hosts)
	defer l.end()
	l.wait(readyLimit)
	for i, what := range only {
		s := Step{N: i + 1, What: what, Node: "node1", For: 10 * time.Second}
		switch what {
		case Join:
			s.Node = "node4"
		case Cut, CutOneWay:
			s.Other = "node2"
		case Clock:
			s.Shift = 5 * time.Second
		case Drain:
			if !r.canDrain() {
				continue
			}
		}
		if strings.HasPrefix(what, "database") || what == FullDisk {
			s.Node = ""
		}
		r.playOne(t.Context(), s)
		rest(20 * time.Second) // what is seen of the way back
		r.waitReady(readyLimit)
		l.wait(quiet)
		t.Log(Impact(r.history.Events(), s, now()))
		l.spread()
	}
	r.judge(l)
}
