package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// measured checks what the survivors show about the node that died: one of them has given
// it up after its lease, and soon all have seen its keys with new owners.
func (s *scene) measured() {
	s.Helper()
	ctx, cancel := limit()
	defer cancel()
	detected := 0.0
	for _, i := range s.alive {
		p := s.c.Processes[i]
		for s.metric(ctx, p, "takeover_seconds_count") < 1 {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				s.Fatalf("%s has not measured the takeover", p.Name)
			}
		}
		if took := s.metric(ctx, p, "takeover_seconds_sum"); took <= 0 {
			s.Errorf("%s: the takeover took %v s", p.Name, took)
		}
		if n := s.metric(ctx, p, "lease_detection_seconds_count"); n > 0 {
			detected += n
			worst := s.metric(ctx, p, "lease_detection_worst_seconds")
			if took := s.metric(ctx, p, "lease_detection_seconds_sum"); took < worst-1 {
				s.Errorf("%s: given up after %v s, the lease is longer", p.Name, took)
			}
		}
	}
	if detected != 1 {
		s.Errorf("%v nodes were given up, want the one that was killed", detected)
	}
}

// metric is one value that a node shows.
func (s *scene) metric(ctx context.Context, p *Process, name string) float64 {
	s.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.HTTP+"/metrics", nil)
	if err != nil {
		s.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	found := regexp.MustCompile(fmt.Sprintf(`(?m)^teiserver_%s (\S+)$`, name)).FindSubmatch(body)
	if found == nil {
		s.Fatalf("%s shows no %s", p.Name, name)
	}
	v, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		s.Fatal(err)
	}
	return v
}
