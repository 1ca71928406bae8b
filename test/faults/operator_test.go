//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"teiserver/test/springclient"
)

// registrar makes accounts; both ask for the same names, mostly at different nodes.
func (l *load) registrar(which int, rnd *rand.Rand) {
	for l.ctx.Err() == nil && !l.quiet.Load() {
		name := fmt.Sprintf("Reg%d", (now()-l.r.began)/int64(1500*time.Millisecond))
		at := l.r.nodes[rnd.IntN(len(l.r.nodes))]
		start := now()
		ctx, cancel := context.WithTimeout(l.ctx, deaf)
		c, err := l.dial(ctx, name, at, springclient.Player)
		res := ""
		serial := 0
		if err == nil {
			err = c.Register(ctx, name)
			res, serial = result(err, c), c.serial
			c.Close()
		}
		cancel()
		if res != "" {
			e := Event{Kind: Operation, Start: start, At: now(), Who: fmt.Sprintf("registrar%d", which), Conn: serial, Node: at.name, What: "register", Arg: name, Result: res}
			if err != nil {
				e.Line, _, _ = strings.Cut(err.Error(), "\n")
			}
			l.r.history.Add(e)
			l.mu.Lock()
			switch res {
			case OK:
				l.created = append(l.created, name)
			case Unknown:
				l.unclear = append(l.unclear, name)
			}
			l.mu.Unlock()
		}
		select {
		case <-time.After(time.Duration(1000+rnd.IntN(500)) * time.Millisecond):
		case <-l.ctx.Done():
		}
	}
}

// operate changes a setting now and then and reads it: a register with one writer.
func (l *load) operate() {
	for n := 1; l.ctx.Err() == nil && !l.quiet.Load(); n++ {
		for _, what := range []string{"set", "get"} {
			args := []string{"config", what, "spring.motd"}
			if what == "set" {
				args = append(args, fmt.Sprintf("number %d", n))
			}
			ctx, cancel := context.WithTimeout(l.ctx, deaf)
			start := now()
			out, err := l.r.try(ctx, args...)
			cancel()
			e := Event{Kind: Operation, Start: start, At: now(), Who: operator, What: what, Arg: fmt.Sprintf("number %d", n), Result: OK}
			if what == "get" {
				e.Arg = strings.TrimSpace(out)
			}
			if err != nil {
				e.Result, e.Line = Unknown, err.Error()
			}
			l.r.history.Add(e)
		}
		select {
		case <-time.After(5 * time.Second):
		case <-l.ctx.Done():
		}
	}
}

// end ends all clients.
func (l *load) end() {
	l.stop()
	l.ends.Wait()
}

// spread has every client log in again, evenly over the first nodes.
func (l *load) spread() {
	for _, a := range l.actors {
		if s := a.session(); s != nil && s.node != a.r.nodes[a.first%3] {
			a.home.Store(true)
			s.Close()
		}
	}
	rest(3 * time.Second)
	l.wait(quiet)
}
