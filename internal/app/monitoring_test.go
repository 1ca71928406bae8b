package app

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
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
