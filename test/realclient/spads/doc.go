// Package spads runs the SPADS autohost, as its authors ship it, against a cluster
// of ours: it logs in with TLS, opens its battle, is talked to, starts a game with
// the engine's dedicated server, and comes back when its node has died. What it
// logs is judged: it hangs up on a server that contradicts itself, and says so.
//
// It needs an installation of SPADS, which is not ours to ship, and an engine with
// its dedicated and headless programs (see scripts/spads and docs/spads.md), so its
// tests are behind the build tag realclient. The game and the map are made here.
package spads
