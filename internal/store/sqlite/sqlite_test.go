package sqlite

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"teiserver/internal/cluster/registry"
)

// A lease goes before all ordinary writers that wait.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		leave, err := g.enter(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 10)
		ends := make(chan struct{})
		write := func(name string, urgent bool) {
			go func() {
				defer func() { ends <- struct{}{} }()
				leave, err := g.enter(t.Context(), urgent)
				if err != nil {
					t.Error(err)
					return
				}
				order <- name
				leave()
			}()
			synctest.Wait()
		}
		for range 5 {
			write("ordinary", false)
		}
		write("lease", true)

		given, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.enter(given, false); !errors.Is(err, context.Canceled) {
			t.Errorf("enter with an ended context: %v", err)
		}
		leave()
		for range 6 {
			<-ends
		}
		<-order // at most one is ahead
		if second := <-order; second != "lease" {
			t.Errorf("the second to write was %s", second)
		}
	})
}

func TestNetworkFS(t *testing.T) {
	for magic, refused := range map[uint32]bool{
		0x6969: true, 0xFF534D42: true, 0xFE534D42: true, 0x517B: true, 0x01021997: true,
		0xEF53: false /* ext4 */, 0x9123683E: false /* btrfs */, 0x58465342: false /* xfs */, 0x01021994: false, /* tmpfs */
		0x794C7630: false /* overlay */, 0x2FC12FC1: false, /* zfs */
	} {
		if err := refuseNetwork(magic); (err != nil) != refused {
			t.Errorf("%#x: %v", magic, err)
		}
	}
}

// A batch is cut where a piece would keep others waiting for too long.
func TestPiece(t *testing.T) {
	sizes := func(sizes ...int) (batch []registry.Snapshot) {
		for _, n := range sizes {
			batch = append(batch, registry.Snapshot{Body: make([]byte, n)})
		}
		return batch
	}
	for name, tc := range map[string]struct {
		batch []registry.Snapshot
		want  int
	}{
		"small":         {sizes(1, 1, 1), 3},
		"one large":     {sizes(pieceBytes*2, 1), 1},
		"large at last": {sizes(1, 1, pieceBytes), 2},
		"many":          {make([]registry.Snapshot, pieceEntries+1), pieceEntries},
	} {
		if got := piece(tc.batch); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
