package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the unit of /proc/<pid>/stat: 100 a second on every Linux that Go runs on.
const ticks = 100

// processorTime returns how long a process has run on processors, in user and
// kernel mode, all threads together.
func processorTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return parseStat(raw)
}

// parseStat reads utime and stime. The name of the program, in parentheses, may
// hold blanks and parentheses itself.
func parseStat(raw []byte) (time.Duration, error) {
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return 0, fmt.Errorf("read processor time: no program name in %q", raw)
	}
	f := strings.Fields(string(raw[end+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("read processor time: %d fields", len(f))
	}
	var sum int64
	for _, s := range f[11:13] {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * time.Second / ticks, nil
}

// memory returns the resident memory of a process in bytes.
func memory(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return parseStatus(raw)
}

func parseStatus(raw []byte) (int64, error) {
	in := bufio.NewScanner(bytes.NewReader(raw))
	for in.Scan() {
		rest, ok := strings.CutPrefix(in.Text(), "VmRSS:")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		return n << 10, nil
	}
	return 0, fmt.Errorf("read memory: no VmRSS")
}

// usage is what a server and this program have used up to a moment.
type usage struct {
	server, self time.Duration
	rss          int64
	at           time.Time
}

// look reads the usage; without a pid that of the server is zero.
func look(pid int) (usage, error) {
	u := usage{at: time.Now()}
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return u, fmt.Errorf("read own processor time: %w", err)
	}
	u.self = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	if pid == 0 {
		return u, nil
	}
	var err error
	if u.server, err = processorTime(pid); err != nil {
		return u, err
	}
	u.rss, err = memory(pid)
	return u, err
}
