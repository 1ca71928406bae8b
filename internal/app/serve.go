package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"teiserver/internal/config"
)

// hearFirst is how long a node that was cut off must hear the others before it serves
// again: a link that comes and goes must not close its clients each time.
const hearFirst = time.Minute

// rejoinPause is between two lives of a node that the cluster has given up.
const rejoinPause = time.Second

// collectAt starts a garbage collection when the heap has grown by half. Most of it
// are connections that stay, so the usual doubling would cost ten kilobytes each
// for nothing; a server of chat lines makes little garbage. GOGC overrides it.
const collectAt = 50

// Serve runs a node until ctx ends, then stops it in order. A node that the cluster
// has given up (it was paused for too long), or that is cut off from the others, closes
// its clients and joins again under a new incarnation.
func Serve(ctx context.Context, cfg config.Config) error {
	log := cfg.Logger(os.Stderr)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if cfg.Unlimited {
		log.Warn("UNLIMITED: no flood limits, no login throttle, no verification of addresses, cheap password hashes; for tests and load runs only")
	}
	wait := time.Duration(0)
	for joined := false; ; {
		s, err := startAfter(ctx, cfg, log, os.Stdout, wait)
		switch {
		case err == nil:
			joined = true
			s.announce(os.Stdout)
			if err = s.untilEnd(ctx); err == nil {
				return nil
			}
		case ctx.Err() != nil && joined:
			return nil
		}
		switch {
		case errors.Is(err, ErrCutOff):
			wait = hearFirst
		case errors.Is(err, ErrCondemned):
			wait = 0
		case !joined || s != nil:
			return err
		}
		// A node that has served goes on trying: the database that gave it up may still be
		// out of its reach.
		log.Error("joining the cluster again", "err", err)
		if !pause(ctx, rejoinPause) {
			return nil
		}
	}
}

// untilEnd waits until the node has to end and stops it: nil if ctx has ended.
func (s *Server) untilEnd(ctx context.Context) (err error) {
	select {
	case <-ctx.Done():
	case err = <-s.Failed():
	}
	s.stopInTime(ctx)
	return err
}

// pause reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) stopInTime(ctx context.Context) {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.StopTimeout)
	defer cancel()
	s.log.Info("stopping")
	err := s.Stop(stop)
	if err != nil {
		s.log.Warn("not everything stopped in order", "err", err)
	} else {
		s.log.Info("stopped")
	}
}

// announce prints what an operator needs to know, once the node is ready.
func (s *Server) announce(w io.Writer) {
	var b strings.Builder
	fmt.Fprintf(&b, "teiserver %s, node %s, ready\n", Version, s.cfg.NodeName)
	at := s.Addresses()
	fmt.Fprintf(&b, "  spring      %s\n", at["spring-listen"])
	if a, ok := at["spring-tls-listen"]; ok {
		fmt.Fprintf(&b, "  spring tls  %s\n", a)
	}
	fmt.Fprintf(&b, "  certificate sha256 %s\n", s.fingerprint)
	if a, ok := at["http-listen"]; ok {
		fmt.Fprintf(&b, "  http        http://%s (livez, readyz, metrics)\n", a)
	}
	if s.cfg.Clustered() {
		fmt.Fprintf(&b, "  cluster     %s", s.cfg.ClusterListen)
		if a := s.cfg.ClusterAdvertise; a != "" {
			fmt.Fprintf(&b, ", others use %s", a)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "  database    %s\n", s.store.Describe())
	if s.cfg.Unlimited {
		b.WriteString("  UNLIMITED   no flood limits, no login throttle, cheap password hashes: for tests only\n")
	}
	_, _ = io.WriteString(w, b.String()) // nobody is left to tell
}
