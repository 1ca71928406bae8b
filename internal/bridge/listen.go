package bridge

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"teiserver/internal/resident"
)

// The pauses before a connection to Discord is tried again.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	// goodFor is how long a connection lasts that worked.
	goodFor = time.Minute
)

// Run listens on Discord while the bridge's process runs on this node, until ctx ends.
func (d *Desk) Run(ctx context.Context) {
	if d.Discord == nil {
		return
	}
	pause := firstPause
	for d.awaitWanted(ctx) {
		began := time.Now()
		err := d.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil { // not wanted anymore
			pause = firstPause
			continue
		}
		if time.Since(began) > goodFor {
			pause = firstPause
		}
		d.Log.Warn("not connected to Discord", "err", err, "retry_after", pause.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// awaitWanted waits until this node is to listen; false if ctx ends before.
func (d *Desk) awaitWanted(ctx context.Context) bool {
	wake := d.ear.signal()
	for d.ear.left() <= 0 {
		select {
		case <-ctx.Done():
			return false
		case <-wake:
		}
	}
	return ctx.Err() == nil
}

// listen listens until this node is not to anymore, which is no error.
func (d *Desk) listen(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watch sync.WaitGroup
	unwanted := false
	watch.Go(func() {
		wake := d.ear.signal()
		for ctx.Err() == nil {
			left := d.ear.left()
			if left <= 0 {
				unwanted = true
				cancel()
				return
			}
			select {
			case <-ctx.Done():
			case <-wake:
			case <-time.After(left):
			}
		}
	})
	defer func() {
		if r := recover(); r != nil { // the library's, or ours: the node goes on
			d.Log.Error("listening on Discord panicked", "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", r)
		}
		cancel()
		watch.Wait()
		if unwanted {
			err = nil
		}
	}()
	return d.Discord.Listen(ctx, d.heard)
}

// heard gives a message to the bridge, wherever it runs.
func (d *Desk) heard(c Came) {
	if c.Bot || c.ID == "" {
		return
	}
	d.Processes.Cast(resident.Key(Kind), c)
}
