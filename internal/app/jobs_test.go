package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/store/pgtest"
)

// jobCase is what a job finds, and what must be there when it is done: as after one try of
// one node, whatever became of the others.
type jobCase struct {
	seed []string         // statements; $D is the day in milliseconds, $DAY its name
	want map[string]int64 // what queries give in the end; $DAY as above
}

const (
	someUser   = `INSERT INTO users (id, name, name_key, email, password, roles, country, hide_flag, rank, code, new_email, new_code, play_minutes, spectate_minutes, created, last_login, last_ip, lobby_hash, client, renames, version) VALUES `
	someMatch  = `INSERT INTO matches (id, uuid, server_uuid, founder, lobby, map, created, started, finished, game_type, player_count, rating_type, processed, told, stripped, tags, game_duration) VALUES `
	someLetter = `INSERT INTO letter (key, user_id, purpose, recipient, subject, body, created, due, expires, done_at, outcome) VALUES `
	someEvent  = `INSERT INTO telemetry_event (family, name, user_id, hash, match_id, game_time, value, at) VALUES `
	someMinute = `{"client":{"player":[7001],"spectator":[],"lobby":[],"menu":[7002]},"bots":[],"counters":{"lines_in":5},"nodes":1}`
)

// jobCases has a row for each job that is bound.
var jobCases = map[string]jobCase{
	job.HourlyCleanup: {
		seed: []string{
			`INSERT INTO lobby_message (match_id, user_id, text, at) VALUES (1, 1, 'old', 1000), (1, 1, 'new', 99999999999999)`,
			someLetter + `('old', 1, 'test', 'a@example.org', 's', '', 1, 1, 1, 1000, 'sent')`,
			`INSERT INTO job_run (job, period, done_at, node, incarnation) VALUES ('server-minute', '2001-01-01T00:00', 1, 'n', 1)`,
		},
		want: map[string]int64{
			`SELECT count(*) FROM lobby_message`: 1, `SELECT count(*) FROM letter WHERE key = 'old'`: 0,
			`SELECT count(*) FROM job_run WHERE period = '2001-01-01T00:00'`: 0,
		},
	},
	job.Maintenance: {},
	job.UnverifiedCleanup: {
		seed: []string{someUser + `(7003, 'Never', 'never', '', '', '[]', '??', FALSE, 0, '123456', '', '', 0, 0, 1000, 0, '', '', '', '[]', 1)`},
		want: map[string]int64{`SELECT count(*) FROM users WHERE id = 7003`: 0, `SELECT count(*) FROM users WHERE id IN (7001, 7002)`: 2},
	},
	job.EventCleanup: {
		seed: []string{
			someEvent + `('client', 'old', 1, '', 0, 0, '', 1000), ('client', 'new', 1, '', 0, 0, '', 99999999999999), ('match', 'old', 1, '', 1, 0, '', 1000)`,
			`INSERT INTO telemetry_property (user_id, hash, name, value, at) VALUES (0, 'h', 'old', 'v', 1000), (1, '', 'kept', 'v', 1000)`,
		},
		want: map[string]int64{`SELECT count(*) FROM telemetry_event`: 2, `SELECT count(*) FROM telemetry_property`: 1},
	},
	job.MatchCleanup: {
		seed: []string{
			someMatch + `(8001, 'u', 's', 1, 1, 'm', 1000, 0, 0, '', 0, '', 0, 0, FALSE, '{}', 0)`,
			someMatch + `(8002, 'u', 's', 1, 1, 'm', $D, $D, $D, 'Duel', 2, 'Duel', $D, 1, FALSE, '{"a":"b"}', 600)`,
		},
		want: map[string]int64{
			`SELECT count(*) FROM matches WHERE id = 8001`:                                0,
			`SELECT count(*) FROM matches WHERE id = 8002 AND stripped AND tags = '{}'`:   1,
			`SELECT count(*) FROM matches WHERE rating_type <> '' AND NOT stripped`:       0,
			`SELECT count(*) FROM matches WHERE id IN (8002, 8003) AND rating_type <> ''`: 1,
		},
	},
	job.ServerMinute: {
		want: map[string]int64{`SELECT count(*) FROM telemetry_log WHERE unit = 'minute' AND period > '$DAYT23:58'`: 2},
	},
	job.Restrictions: {
		seed: []string{`INSERT INTO moderation_action (user_id, reason, restrictions, notes, hidden, author, created, expires)
			VALUES (7001, 'r', '["All chat"]', '', FALSE, 0, 500, 1000), (7002, 'r', '["All chat"]', '', FALSE, 0, 500, 99999999999999)`},
		want: map[string]int64{
			`SELECT count(*) FROM moderation_action WHERE ended > 0 AND user_id = 7001`: 1,
			`SELECT count(*) FROM moderation_action WHERE ended = 0 AND user_id = 7002`: 1,
		},
	},
	job.MatchProcessing: {
		seed: []string{
			someMatch + `(8003, 'u', 's', 1, 1, 'm', $D, $D, $D, 'Duel', 2, '', 0, 0, FALSE, '{}', 600)`,
			`INSERT INTO match_membership (match_id, user_id, team, party) VALUES (8003, 7001, 0, ''), (8003, 7002, 1, '')`,
		},
		want: map[string]int64{
			`SELECT count(*) FROM matches WHERE id = 8003 AND processed > 0`: 1,
			`SELECT attempts FROM matches WHERE id = 8003`:                   0,
			`SELECT count(*) FROM match_membership WHERE match_id = 8003`:    2,
		},
	},
	job.ServerDay: {
		seed: []string{
			`INSERT INTO telemetry_log (unit, period, data) VALUES ('minute', '$DAYT00:00', '` + someMinute + `'), ('minute', '$DAYT23:58', '` + someMinute + `')`,
			someUser + `(7001, 'One', 'one', '', '', '[]', '??', FALSE, 0, '', '', '', 100, 0, $D, 1, '', '', '', '[]', 1), (7002, 'Two', 'two', '', '', '[]', '??', FALSE, 0, '', '', '', 100, 0, $D, 1, '', '', '', '[]', 1)`,
		},
		want: map[string]int64{
			`SELECT count(*) FROM telemetry_log WHERE unit = 'day'`:                                                     1,
			`SELECT count(*) FROM telemetry_log WHERE unit = 'day' AND period = '$DAY' AND data LIKE '%"lines_in":10%'`: 1,
		},
	},
	job.ServerWeek: {}, job.ServerMonth: {}, job.ServerQuarter: {}, job.ServerYear: {},
	job.MatchDay: {
		want: map[string]int64{
			`SELECT count(*) FROM telemetry_log WHERE unit = 'match day'`:                      1,
			`SELECT count(*) FROM job_run WHERE job = 'match-day' AND period = '$DAY'`:         1,
			`SELECT count(*) FROM telemetry_log WHERE unit = 'match day' AND period <> '$DAY'`: 0,
		},
	},
	job.MatchMonth: {},
	job.InfologCleanup: {
		seed: []string{`INSERT INTO infolog (id, user_id, user_hash, log_type, metadata, contents, size, at) VALUES (1, 1, '', 't', '{}', 'c', 1, 1000), (2, 1, '', 't', '{}', 'c', 1, 99999999999999)`},
		want: map[string]int64{`SELECT count(*) FROM infolog`: 1},
	},
	job.ActivityDay: {
		want: map[string]int64{
			`SELECT count(*) FROM activity`: 2,
			`SELECT count(*) FROM activity WHERE day = '$DAY' AND user_id = 7001 AND player = 2`: 1,
		},
	},
	job.PlayMinutes: {
		want: map[string]int64{
			`SELECT play_minutes FROM users WHERE id = 7001`: 102, `SELECT play_minutes FROM users WHERE id = 7002`: 100,
			`SELECT count(*) FROM activity WHERE NOT counted`: 0,
		},
	},
	job.Mail: {
		seed: []string{someLetter + `('late', 1, 'test', 'a@example.org', 's', 'b', 1, 1, 1000, 0, '')`},
		want: map[string]int64{`SELECT count(*) FROM letter WHERE key = 'late' AND outcome = 'late'`: 1},
	},
}

// spans are the jobs whose period ends with the day only if its unit does.
var spans = map[string]job.Unit{
	job.ServerWeek: job.Week, job.ServerMonth: job.Month, job.ServerQuarter: job.Quarter, job.ServerYear: job.Year, job.MatchMonth: job.Month,
}

// TestEveryJob does every job that is bound a second before midnight, a second after it and
// in the next afternoon, on a day in the middle of a month, on the last of February and on the
// last of a year: each time once broken off on the way, and then by two at once, of whom one
// has lost its class. What is there in the end is what one undisturbed try leaves, and each
// period is marked once, none before its end. A job that is bound and has no case fails.
func TestEveryJob(t *testing.T) {
	t.Parallel()
	last := time.Now().UTC().Year() - 1
	days := map[string]time.Time{
		"midnight": time.Date(last, 3, 14, 0, 0, 0, 0, time.UTC), "month": time.Date(last, 2, 28, 0, 0, 0, 0, time.UTC),
		"year": time.Date(last, 12, 31, 0, 0, 0, 0, time.UTC),
	}
	for name, day := range days {
		for _, engine := range []string{"sqlite", "postgres"} {
			if engine == "postgres" && name != "year" { // the most of what may go wrong
				continue
			}
			t.Run(name+" "+engine, func(t *testing.T) {
				t.Parallel()
				url := "sqlite:" + filepath.Join(t.TempDir(), "teiserver.db")
				if engine == "postgres" {
					url = pgtest.URL(t)
				}
				allJobs(t, url, day)
			})
		}
	}
}

// jobTest is a node all of whose jobs are off, so that the test does them.
type jobTest struct {
	*testing.T
	s *Server
}

func jobRows(t *testing.T, url string, day time.Time, use func(db *pgtest.Raw, text func(string) string)) {
	t.Run("rows", func(t *testing.T) { // closed at its end
		text := strings.NewReplacer("$DAY", day.Format(time.DateOnly), "$D", fmt.Sprint(day.Add(12*time.Hour).UnixMilli()))
		use(pgtest.OpenRaw(t, url), text.Replace)
	})
}

func allJobs(t *testing.T, url string, day time.Time) {
	cfg := config.Config{
		DataDir: t.TempDir(), NodeName: "n", Database: config.DatabaseURL(url), SpringListen: "127.0.0.1:0",
		LogLevel: "warn", LogFormat: "text", Unlimited: true, StopTimeout: 10 * time.Second,
	}
	if err := SetConfig(t.Context(), cfg, "match.unrated_days", "36500"); err != nil { // makes the tables
		t.Fatal(err)
	}
	jobRows(t, url, day, func(db *pgtest.Raw, text func(string) string) {
		for _, j := range job.Table {
			if j.Every.Unit != "" {
				db.Exec(`INSERT INTO setting (key, text, version) VALUES ('job.` + j.Name + `', 'false', 1)`)
			}
			for _, statement := range jobCases[j.Name].seed {
				db.Exec(text(statement))
			}
		}
	})
	s, err := Start(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
	t.Cleanup(stop)
	x := &jobTest{T: t, s: s}
	bound := s.jobs.Bound()
	instants := []time.Time{day.Add(24*time.Hour - time.Second), day.Add(24*time.Hour + time.Second), day.Add(39*time.Hour + 3*time.Minute)}
	for at, now := range instants {
		for _, j := range bound {
			if _, ok := jobCases[j.Name]; !ok {
				t.Errorf("the job %s is bound, and the test has no case for it", j.Name)
				continue
			}
			x.do(j, now)
		}
		for _, j := range bound {
			marks, err := s.store.DonePeriods(t.Context(), j.Name, day.Format(time.DateOnly))
			if unit := j.Each; unit != "" && at == 0 && (err != nil || slices.Contains(marks, unit.Name(day))) {
				t.Errorf("%s is done of %v a second before its end: %v", j.Name, marks, err)
			}
		}
	}
	marks := map[string]int64{}
	for _, j := range bound {
		list, err := s.store.DonePeriods(t.Context(), j.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		marks[j.Name] = int64(len(list))
	}
	for name, unit := range spans {
		want := int64(0)
		if unit.Name(instants[0]) != unit.Name(instants[1]) {
			want = 1
		}
		if marks[name] != want {
			t.Errorf("%s is marked %d times, want %d", name, marks[name], want)
		}
	}
	for name, n := range marks {
		if _, span := spans[name]; !span && n == 0 {
			t.Errorf("%s was never done", name)
		}
	}
	stop()
	jobRows(t, url, day, func(db *pgtest.Raw, text func(string) string) {
		for name, c := range jobCases {
			for query, want := range c.want {
				if got := db.Number(text(query)); int64(got) != want {
					t.Errorf("%s: %s\n\tgives %d, want %d", name, text(query), got, want)
				}
			}
		}
	})
}

// do does what is due of a job.
func (x *jobTest) do(j job.Job, now time.Time) {
	x.Helper()
	w, _ := x.s.jobs.Work(j.Name)
	periods := []string{j.Every.Latest(now)}
	if w.Due != nil {
		var err error
		if periods, err = w.Due(x.Context(), now); err != nil {
			x.Fatalf("what is due of %s: %v", j.Name, err)
		}
	}
	slices.Sort(periods)
	for _, period := range periods {
		done, err := x.s.store.DonePeriods(x.Context(), j.Name, period)
		if err != nil {
			x.Fatal(err)
		}
		if slices.Contains(done, period) {
			continue
		}
		run := func(node string) job.Run {
			return job.Run{Mark: job.Mark{Job: j.Name, Period: period, Node: node, Incarnation: x.s.incarnation()}, Now: now}
		}
		switch {
		case w.Once != nil:
			x.once(j, w, run)
		case w.Call != nil:
			x.call(j, w, run)
		default:
			x.steps(j, w, run)
		}
	}
}

// once: broken off while it reads or writes, and then by two at once.
func (x *jobTest) once(j job.Job, w job.Work, run func(node string) job.Run) {
	x.Helper()
	var did atomic.Int64
	try := func(ctx context.Context, node string) {
		switch err := w.Once(ctx, run(node)); {
		case err == nil:
			did.Add(1)
		case ctx.Err() == nil && !errors.Is(err, job.ErrDone):
			x.Errorf("%s of %s by %s: %v", j.Name, run("").Period, node, err)
		}
	}
	for looks := int64(1); looks < 50; looks *= 3 {
		ctx, cancel := soon(x.Context(), looks)
		try(ctx, "broken off")
		cancel()
	}
	x.both(func(node string) { try(x.Context(), node) })
	if did.Load() > 1 {
		x.Errorf("%s of %s was done %d times", j.Name, run("").Period, did.Load())
	}
}

// call: the same of what is safe to do again.
func (x *jobTest) call(j job.Job, w job.Work, run func(node string) job.Run) {
	x.Helper()
	for looks := int64(1); looks < 50; looks *= 3 {
		ctx, cancel := soon(x.Context(), looks)
		if err := w.Call(ctx); err != nil && ctx.Err() == nil {
			x.Errorf("%s: %v", j.Name, err)
		}
		cancel()
	}
	x.both(func(node string) {
		if err := w.Call(x.Context()); err != nil {
			x.Errorf("%s by %s: %v", j.Name, node, err)
		}
	})
	x.mark(x.claim(j), run("b").Mark)
}

// steps: the first owner of the class does one step and finds the next; another one, that has
// the class now, does what is left. What the first had in its hands changes nothing.
func (x *jobTest) steps(j job.Job, w job.Work, run func(node string) job.Run) {
	x.Helper()
	next := func(node string) job.Step {
		step, err := w.Next(x.Context(), run(node))
		if err != nil {
			x.Fatalf("%s by %s: %v", j.Name, node, err)
		}
		return step
	}
	first := x.claim(j)
	if step := next("a"); step.Write != nil {
		if err := step.Write(x.Context(), first); err != nil {
			x.Fatalf("%s: %v", j.Name, err)
		}
		first.Writes++
	}
	late := next("a")
	second := x.claim(j)
	for n := 0; ; n++ {
		step := next("b")
		if step.Write == nil {
			break
		}
		if err := step.Write(x.Context(), second); err != nil || n > 20 {
			x.Fatalf("%s, step %d: %v", j.Name, n, err)
		}
		second.Writes++
	}
	if late.Write != nil {
		if err := late.Write(x.Context(), first); !errors.Is(err, registry.ErrFenced) {
			x.Errorf("%s was written by who has lost its class: %v", j.Name, err)
		}
	}
	if err := x.s.store.PutFencedMark(x.Context(), first, run("a").Mark); !errors.Is(err, registry.ErrFenced) {
		x.Errorf("%s was marked by who has lost its class: %v", j.Name, err)
	}
	x.mark(second, run("b").Mark)
}

// claim takes the class of a job, from whoever has it. It is none that the node runs.
func (x *jobTest) claim(j job.Job) registry.Fence {
	x.Helper()
	own, err := x.s.store.Claim(x.Context(), registry.NewKey("test", j.Class), x.s.incarnation())
	if err != nil {
		x.Fatal(err)
	}
	return registry.Fence{Key: own.Key, Incarnation: own.Incarnation, Epoch: own.Epoch, Writes: own.Writes}
}

func (x *jobTest) mark(f registry.Fence, m job.Mark) {
	x.Helper()
	if err := x.s.store.PutFencedMark(x.Context(), f, m); err != nil {
		x.Errorf("mark %s of %s: %v", m.Period, m.Job, err)
	}
}

// both has two nodes do something at once.
func (x *jobTest) both(f func(node string)) {
	var all sync.WaitGroup
	for _, node := range []string{"a", "b"} {
		all.Go(func() { f(node) })
	}
	all.Wait()
}

// looked is a context that is canceled when it has been looked at so often: what is done with
// it is broken off wherever it is then.
type looked struct {
	context.Context
	left   atomic.Int64
	cancel func()
}

func soon(parent context.Context, looks int64) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	l := &looked{Context: ctx, cancel: cancel}
	l.left.Store(looks)
	return l, cancel
}

func (l *looked) look() {
	if l.left.Add(-1) == 0 {
		l.cancel()
	}
}

func (l *looked) Done() <-chan struct{} { l.look(); return l.Context.Done() }
func (l *looked) Err() error            { l.look(); return l.Context.Err() }
