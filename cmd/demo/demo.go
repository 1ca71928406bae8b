package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// frameGap is how often the view is drawn and the ledger judged.
	frameGap = 500 * time.Millisecond
	// startLimit is far more than a start takes: it ends hopeless waiting.
	startLimit = 60 * time.Second
	// settleLimit is how long the last lines may be on their way.
	settleLimit = 5 * time.Second
)

// demo is the nodes, the bots, and the hand that does things to the nodes.
type demo struct {
	site
	keep    bool
	bad     *os.File // bots.log, see trace
	began   time.Time
	links   *links
	nodes   []*node
	crowd   *crowd
	watch   *watch
	journal *journal

	selected int
	ends     atomic.Int64   // nodes that ended by themselves
	acts     []sync.Mutex   // one for each node: what is done to it is done in turn
	jobs     sync.WaitGroup // what a key has started
	bots     context.CancelFunc
	looks    context.CancelFunc
	looking  sync.WaitGroup
}

func newDemo(o options) (d *demo, err error) {
	binary, err := filepath.Abs(o.Server)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", o.Server, err)
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("find the server (make build makes it): %w", err)
	}
	if o.Pace <= 0 {
		return nil, fmt.Errorf("--pace: %s is no pace", o.Pace)
	}
	d = &demo{keep: o.Dir != "", began: time.Now(), journal: newJournal(), links: newLinks()}
	d.bots, d.looks = func() {}, func() {}
	if d.keep {
		d.dir, err = filepath.Abs(o.Dir)
		if err == nil {
			err = os.Mkdir(d.dir, 0o700)
		}
	} else {
		d.dir, err = os.MkdirTemp("", "teiserver-demo-")
	}
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	d.binary, d.database = binary, "sqlite:"+filepath.Join(d.dir, "teiserver.db")
	if d.nodes, err = d.prepare(context.Background(), d.links, nodeCount); err != nil {
		d.close()
		return nil, err
	}
	d.acts = make([]sync.Mutex, len(d.nodes))
	if d.bad, err = os.Create(filepath.Join(d.dir, "bots.log")); err != nil {
		d.close()
		return nil, fmt.Errorf("make a file: %w", err)
	}
	d.crowd = newCrowd(d.nodes, d.journal, &trace{out: d.bad}, o.Pace)
	d.watch = newWatch(&d.site, d.nodes, d.journal)
	return d, nil
}

// start starts everything and waits until all bots are in their places. The first node
// makes the database, the others come after it.
func (d *demo) start(ctx context.Context) error {
	looks, cancel := context.WithCancel(ctx)
	d.looks = cancel
	for i, n := range d.nodes {
		if err := n.start(d.lost); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		if err := d.await(ctx, n.name+" to be ready", func() bool { return health(ctx, n.http) == ready }); err != nil {
			return err
		}
		for i := range hosts {
			name := hostName(i)
			if _, err := d.command(ctx, "user", "add", name, "--password", password, "--email", name+"@example.com", "--role", "bot"); err != nil {
				return err
			}
		}
	}
	d.looking.Go(func() { d.watch.run(looks) })
	for _, n := range d.nodes {
		if err := d.await(ctx, n.name+" to be ready", n.ready.Load); err != nil {
			return err
		}
	}
	bots, cancel := context.WithCancel(context.WithoutCancel(ctx)) // they say goodbye by stop, also after Ctrl-C
	d.bots = cancel
	d.crowd.start(bots)
	return d.await(ctx, "the bots to be in their places", func() bool {
		d.crowd.review(time.Now())
		taken, all := d.crowd.places()
		return taken == all
	})
}

// await waits until something is so.
func (d *demo) await(ctx context.Context, what string, done func() bool) error {
	limit := time.Now().Add(startLimit)
	for !done() {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case d.ends.Load() > 0:
			return errors.New("a node ended; " + d.whereLogs())
		case time.Now().After(limit):
			return fmt.Errorf("waited %s for %s; %s", startLimit, what, d.whereLogs())
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

func (d *demo) whereLogs() string {
	if d.keep {
		return "the logs are in " + d.dir
	}
	return "--dir FOLDER keeps the logs"
}

// lost notes that a node ended though nobody wanted it to.
func (d *demo) lost(n *node, err error) {
	if err == nil {
		err = errors.New("exit status 0")
	}
	d.ends.Add(1)
	d.journal.warn("%s ENDED BY ITSELF: %v", n.name, err)
}

// press does what a key says and returns at once. It reports whether to go on.
func (d *demo) press(ctx context.Context, k key) (goOn bool) {
	if k.node >= 0 {
		d.selected = k.node
	}
	n := d.nodes[d.selected]
	var act func(context.Context, *node)
	switch k.verb {
	case 'k':
		act = d.kill
	case 'r':
		act = d.restart
	case 'p':
		act = d.pauseOrResume
	case 'c':
		act = d.cutOrHeal
	case 'd', 'u':
		act = func(ctx context.Context, n *node) { d.drainOrReturn(ctx, n, k.verb == 'd') }
	case 'b':
		d.journal.note("%d bots go back to their first nodes", d.crowd.sendHome())
	case 'q':
		return false
	}
	if act != nil {
		d.jobs.Go(func() {
			d.acts[n.index].Lock()
			defer d.acts[n.index].Unlock()
			act(ctx, n)
		})
	}
	return true
}

func (d *demo) kill(_ context.Context, n *node) {
	if !n.running() {
		d.journal.note("%s is dead already", n.name)
		return
	}
	n.touch("killed")
	n.signal(syscall.SIGKILL, true)
	d.journal.note("KEY killed %s", n.name)
}

// restart starts a dead node, or stops a living one in order and starts it.
func (d *demo) restart(_ context.Context, n *node) {
	if n.running() {
		n.touch("stopped")
		d.journal.note("KEY stopping %s", n.name)
		n.stop()
	}
	if err := n.start(d.lost); err != nil {
		d.journal.warn("%v", err)
		return
	}
	d.journal.note("KEY started %s", n.name)
}

func (d *demo) pauseOrResume(_ context.Context, n *node) {
	if !n.running() {
		d.journal.note("%s is dead", n.name)
		return
	}
	if _, paused := n.state(); paused {
		n.mark(func(n *node) { n.paused = false })
		n.signal(syscall.SIGCONT, false)
		d.journal.note("KEY resumed %s", n.name)
		return
	}
	n.touch("paused")
	n.mark(func(n *node) { n.paused = true })
	n.signal(syscall.SIGSTOP, false)
	d.journal.note("KEY paused %s", n.name)
}

func (d *demo) cutOrHeal(_ context.Context, n *node) {
	if cut, _ := d.links.isCut(n.name); cut {
		d.links.set(n.name, false)
		n.mark(func(n *node) { n.cut = false })
		d.journal.note("KEY healed the links of %s", n.name)
		return
	}
	n.touch("cut off")
	n.mark(func(n *node) { n.cut = true })
	if _, others := d.links.isCut(n.name); others+1 >= len(d.nodes)-1 {
		for _, o := range d.nodes { // the last one is cut off from all the others as well
			o.touch("cut off")
		}
	}
	d.links.set(n.name, true)
	d.journal.note("KEY cut the links of %s", n.name)
}

// drainOrReturn drains a node, or returns a drained one to service.
func (d *demo) drainOrReturn(ctx context.Context, n *node, drain bool) {
	if drained, _ := n.state(); drained && drain {
		drain = false
	}
	verb := "undrain"
	if drain {
		verb = "drain"
		n.touch("drained")
		n.mark(func(n *node) { n.drained = true })
	}
	if _, err := d.command(ctx, "cluster", verb, n.name, "--wait", "0s"); err != nil {
		d.journal.warn("%v", err)
		n.mark(func(n *node) { n.drained = !drain })
		return
	}
	if !drain {
		n.mark(func(n *node) { n.drained = false })
	}
	d.journal.note("KEY %s %s", verb, n.name)
}

// play plays a script.
func (d *demo) play(ctx context.Context, steps []step) {
	frames := time.NewTicker(frameGap)
	defer frames.Stop()
	for _, s := range steps {
		next := time.NewTimer(s.pause)
		for due := false; !due; {
			select {
			case now := <-frames.C:
				d.crowd.review(now)
			case <-next.C:
				due = true
			case <-ctx.Done():
				next.Stop()
				return
			}
		}
		if s.key.verb != 0 && !d.press(ctx, s.key) {
			return
		}
	}
}

// show draws the view and takes keys until it is left.
func (d *demo) show(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	t, err := openTerminal(os.Stdin, os.Stdout)
	if err != nil {
		cancel()
		return err
	}
	defer t.close()
	defer cancel()
	t.read(ctx)
	frames := time.NewTicker(frameGap)
	defer frames.Stop()
	for {
		now := time.Now()
		d.crowd.review(now)
		columns, rows := t.size()
		t.draw(d.frame(now).lines(columns, rows))
		select {
		case <-frames.C:
		case b, open := <-t.keys:
			if !open || !d.typed(ctx, b) {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// typed takes a key: a number selects a node, a letter does something to it.
func (d *demo) typed(ctx context.Context, b byte) (goOn bool) {
	if b >= '1' && b < '1'+nodeCount {
		d.selected = int(b - '1')
		return true
	}
	return d.press(ctx, key{b, -1})
}

// settle lets the last lines arrive and judges them.
func (d *demo) settle(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // also after Ctrl-C: it does not take long
	d.crowd.quiet(true)
	limit := time.Now().Add(settleLimit)
	for time.Now().Before(limit) && d.crowd.ledger.behind(d.crowd.ears(), false, time.Now()) > 0 {
		pause(ctx, 50*time.Millisecond)
	}
	now := time.Now()
	d.crowd.ledger.behind(d.crowd.ears(), true, now)
	d.crowd.review(now)
	d.crowd.ledger.judge(now.Add(grace))
}

// close ends everything that was started and removes what was made.
func (d *demo) close() {
	d.bots()
	if d.crowd != nil {
		d.crowd.wait()
	}
	d.jobs.Wait()
	d.looks()
	d.looking.Wait()
	var all sync.WaitGroup
	for _, n := range d.nodes {
		all.Go(n.stop)
	}
	all.Wait()
	d.links.close()
	if d.bad != nil {
		_ = d.bad.Close() // only for reading
	}
	if !d.keep {
		_ = os.RemoveAll(d.dir) // it is in the folder for temporary files
	}
}
