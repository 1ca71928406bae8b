package faults

import (
	"os"
	"testing"
)

// TestAgain runs the checkers on the history of an earlier run, named by FAULTS_HISTORY.
func TestAgain(t *testing.T) {
	path := os.Getenv("FAULTS_HISTORY")
	if path == "" {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	events, err := ReadHistory(f)
	if err != nil {
		t.Log(err) // the end of a run that was killed
	}
	for _, found := range Check(events) {
		t.Error(found)
	}
}
