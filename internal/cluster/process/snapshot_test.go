package process

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/message"
)

type noted struct {
	Text string `json:"text"`
}

var _ = message.Register[noted]("process.test_noted")

func TestSnapshotRoundTrip(t *testing.T) {
	ids := []done{{id: ID{1, 2}, reply: noted{"<done>"}}, {id: ID{1, 3}}, {id: ID{7, 1}, doubt: true}}
	for name, state := range map[string][]byte{
		"json object": []byte(`{"a":"<b>","c":[1,2]}`),
		"json list":   []byte(`[]`),
		"bytes":       {0, 1, 2, 0xff},
		"number":      []byte(`12`),
		"half json":   []byte(`{"a":`),
		"nothing":     nil,
	} {
		t.Run(name, func(t *testing.T) {
			want := content{state: state, ids: ids, kept: ids[:2], writes: 7, closed: true}
			body, err := encodeSnapshot(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeSnapshot(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(content{}, done{}), cmp.Comparer(func(a, b time.Time) bool { return true })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSnapshotOfANeighborRelease: a reply that this release does not know must not be
// answered with nothing, and a newer format must not be read as an older one.
func TestSnapshotOfANeighborRelease(t *testing.T) {
	c, err := decodeSnapshot([]byte(`{"format":1,"state":{"n":1},"added":true,"ids":[{"i":1,"n":2,"r":{"t":"of.tomorrow","b":{}}}]}`))
	if err != nil || string(c.state) != `{"n":1}` || len(c.ids) != 1 || !c.ids[0].doubt || len(c.kept) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
	for _, bad := range []string{`{"format":2}`, `{}`, `{"format":1,"state":{},"bytes":"AA=="}`, `[]`, `x`} {
		if _, err := decodeSnapshot([]byte(bad)); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	if c, err := decodeSnapshot(nil); c.state != nil || c.ids != nil || err != nil {
		t.Error("no snapshot is not none")
	}
}

// FuzzSnapshot: whatever is in the store, the decoder answers, and what it accepts
// survives another round.
func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"format":1,"state":{"values":[1]},"ids":[{"i":1,"n":2,"r":{"t":"process.test_noted","b":{"text":"x"}}},{"i":1,"n":3,"d":true}]}`))
	f.Add([]byte(`{"format":1,"bytes":"AAE="}`))
	f.Add([]byte(`{"format":1,"state":[],"kept":[{"i":1,"n":2,"d":true}],"writes":3,"closed":true}`))
	f.Add([]byte(`{"format":9}`))
	f.Add([]byte(`{"format":1,"state":null,"ids":[{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := decodeSnapshot(body)
		if err != nil {
			return
		}
		if len(c.ids) > rememberedIDs || len(c.kept) > rememberedIDs {
			t.Fatalf("%d and %d ids", len(c.ids), len(c.kept))
		}
		again, err := encodeSnapshot(c)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		c2, err := decodeSnapshot(again)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if compact(c.state) != compact(c2.state) || len(c.ids) != len(c2.ids) || len(c.kept) != len(c2.kept) ||
			c.writes != c2.writes || c.closed != c2.closed {
			t.Fatalf("%+v became %+v", c, c2)
		}
	})
}

func compact(b []byte) string {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return string(b)
	}
	return out.String()
}

func TestIndexedOnTheWire(t *testing.T) {
	want := IndexView{Entries: []Indexed{
		{ID: "1", Epoch: 2, Run: 3, Seq: 4, Summary: noted{"x"}},
		{ID: "2", Epoch: 5, Run: 1, Seq: 9, Closed: true},
	}}
	raw, err := message.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw.Body), `"summary":{"t":"process.test_noted"`) {
		t.Errorf("body %s", raw.Body)
	}
	got, err := message.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v := want.Entries[0].Version(); v != (feed.Version{Epoch: 2, Run: 3, Seq: 4}) {
		t.Errorf("version %+v", v)
	}
}

// TestMemoryIsBounded: 128 always, more only while they are young.
func TestMemoryIsBounded(t *testing.T) {
	var m memory
	now := time.Unix(1000, 0)
	for i := range 10_000 {
		m.add(done{id: ID{1, int64(i + 1)}, at: now})
	}
	if m.len() != rememberMost || len(m.known) != rememberMost {
		t.Errorf("%d and %d remembered, want %d", m.len(), len(m.known), rememberMost)
	}
	later := now.Add(2 * rememberFor)
	m.add(done{id: ID{2, 1}, at: later})
	if m.len() != rememberedIDs || len(m.last()) != rememberedIDs || len(m.known) != rememberedIDs {
		t.Errorf("%d remembered later, want %d", m.len(), rememberedIDs)
	}
	for n := 10_000 - rememberedIDs + 2; n <= 10_000; n++ {
		if d, ok := m.find(ID{1, int64(n)}); !ok || d.id.N != int64(n) {
			t.Fatalf("found %+v, %v for %d", d, ok, n)
		}
	}
	if _, ok := m.find(ID{1, 10_000}); !ok {
		t.Error("a young one was forgotten")
	}
	if _, ok := m.find(ID{1, 1}); ok {
		t.Error("an old one was found")
	}
	m.add(done{at: later}) // without an id there is nothing to remember
	if _, ok := m.find(ID{}); ok {
		t.Error("a command without an id was remembered")
	}
}
