//go:build !race

package simulation

// few is how many schedules make test plays.
const few = 300
