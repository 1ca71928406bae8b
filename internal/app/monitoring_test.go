package app

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"teiserver/internal/job"
)

// TestMonitoring: the alerts and the dashboard use metrics that there are, and the
// dashboard is JSON.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	known, err := os.ReadFile("../../docs/metrics.md") // compared with /metrics by another test
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`teiserver_[a-z_]+`)
	for _, file := range []string{"../../monitoring/alerts.yml", "../../monitoring/dashboard.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		used := name.FindAllString(string(text), -1)
		if len(used) < 10 {
			t.Errorf("%s uses %d metrics", file, len(used))
		}
		for _, metric := range used {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				metric = strings.TrimSuffix(metric, suffix)
			}
			if !strings.Contains(string(known), "`"+metric+"`") {
				t.Errorf("%s uses %s, which is not in docs/metrics.md", file, metric)
			}
		}
	}
}

// TestJobsAreWatched: alerts and dashboard show how the jobs stand, and an alert that says
// which jobs it waits for names jobs that come at all times, not only when there is something.
func TestJobsAreWatched(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]string{
		"alerts.yml":     {"teiserver_job_failures", "teiserver_job_done_timestamp_seconds"},
		"dashboard.json": {"teiserver_job_failures", "teiserver_job_done_timestamp_seconds", "teiserver_jobs_failed_total"},
	} {
		text, err := os.ReadFile("../../monitoring/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range want {
			if !strings.Contains(string(text), metric) {
				t.Errorf("%s does not use %s", file, metric)
			}
		}
		for _, m := range regexp.MustCompile(`exported_job=~"([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			units := map[job.Unit]bool{}
			for name := range strings.SplitSeq(m[1], "|") {
				j, ok := job.Find(name)
				if units[j.Every.Unit] = true; !ok || j.Every.Unit == "" || j.Each != "" || name == job.Mail {
					t.Errorf("%s waits for %q, which does not come by the clock alone", file, name)
				}
			}
			if len(units) != 1 {
				t.Errorf("%s waits as long for jobs of different periods: %s", file, m[1])
			}
		}
	}
}
