package job

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// row is a job as the page shows it.
func (j Job) row() string {
	return "| `" + j.Name + "` | " + strings.Join([]string{j.Was, j.Every.String(), j.Key(), j.Guard, j.Kept, j.Does}, " | ") + " |"
}

// The page has a row for each job, as the code has it.
func TestJobsPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	var code, page []string
	for _, j := range Table {
		code = append(code, j.row())
	}
	jobs, _, _ := strings.Cut(string(raw), "\n## ")
	for line := range strings.Lines(jobs) {
		if strings.HasPrefix(line, "| `") {
			page = append(page, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/jobs.md differs from Table (-code +page):\n%s", diff)
	}
}
