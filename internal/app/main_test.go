package app

import (
	"flag"
	"os"
	"testing"
)

// side is how many tests there are at the same time: most start nodes and wait, for leases to
// end and for each other, more than they work.
const side = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", side) // it is there
	}
	os.Exit(m.Run())
}
