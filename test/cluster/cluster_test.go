package cluster

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/transcript"
)

// binary is the server, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// side is how many clusters there are at the same time: they wait, for leases to end and
// for each other, much more than they work.
const side = "4"

func run(m *testing.M) int {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", side) // it is there
	}
	dir, err := os.MkdirTemp("", "teiserver")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = Build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestOneProcess runs scenarios and transcripts on a single node with SQLite; those that
// take crowds, which package app runs on one node too, are left out.
func TestOneProcess(t *testing.T) {
	t.Parallel()
	c := Start(t, Config{Binary: binary, Nodes: 1})
	t.Run("scenario", func(t *testing.T) { scenario.RunShort(t, c.Env) })
	t.Run("transcript", func(t *testing.T) { transcript.Run(t, c.Env) })
}

// TestThreeProcesses runs every scenario and transcript on three nodes with PostgreSQL.
func TestThreeProcesses(t *testing.T) {
	t.Parallel()
	c := Start(t, Config{Binary: binary, Nodes: 3, Database: pgtest.URL(t)})
	t.Run("scenario", func(t *testing.T) { scenario.Run(t, c.Env) })
	t.Run("transcript", func(t *testing.T) { transcript.Run(t, c.Env) })
}
