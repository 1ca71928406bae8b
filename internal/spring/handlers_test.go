package spring

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/spring/wire"
)

// TestHandlersMatchTheCodec: a command that is decoded but not executed, or the
// reverse, is a mistake that only a client would notice.
func TestHandlersMatchTheCodec(t *testing.T) {
	if diff := cmp.Diff(wire.Names(), slices.Sorted(maps.Keys(handlers))); diff != "" {
		t.Errorf("commands of the codec and handlers differ (-codec +handlers):\n%s", diff)
	}
}

// TestHandlersTakeTheirRequests runs each handler with the request that its example
// decodes to, on a connection that is nobody: a handler written for another
// request panics on its type, before it touches anything.
func TestHandlersTakeTheirRequests(t *testing.T) {
	for name, spec := range wire.Commands {
		request, err := spec.Decode(spec.Example)
		if err != nil {
			t.Errorf("%s: example %q: %v", name, spec.Example, err)
			continue
		}
		func() {
			defer func() {
				if r := recover(); r != nil {
					if _, wrongType := r.(interface{ RuntimeError() }); wrongType && isTypeAssertion(r) {
						t.Errorf("%s: %v", name, r)
					}
				}
			}()
			handlers[name](&conn{}, t.Context(), "", request)
		}()
	}
}

func isTypeAssertion(r any) bool {
	type assertion interface{ Error() string }
	e, ok := r.(assertion)
	return ok && len(e.Error()) > len("interface conversion") && e.Error()[:len("interface conversion")] == "interface conversion"
}
