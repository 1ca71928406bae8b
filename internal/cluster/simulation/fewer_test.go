//go:build race

package simulation

// few is smaller with the race detector, under which one takes ten times as long.
const few = 50
