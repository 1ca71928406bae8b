package pgtest

import (
	"net/url"
	"testing"
)

// soloScript runs one server and does what its input says until that ends, with the test.
const soloScript = `
cd "$DATA_DIR"
say() { echo "$1: $(tail -n 3 log one.log 2>/dev/null | tr '\n' ' ')"; exit 1; }
trap 'pg_ctl -D one -m immediate stop >/dev/null 2>&1; cd /; rm -rf "$DATA_DIR"' EXIT
initdb -D one -U teiserver -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || say "initdb"
{ echo "$SETTINGS"; echo "unix_socket_directories = '$DATA_DIR'"; echo "port = 5431"; } >>one/postgresql.conf
start() { pg_ctl -D one -l one.log -w start >/dev/null 2>&1 </dev/null; }
start || say "the server did not start"
echo ready
while read -r word; do
	case "$word" in
	stop) pg_ctl -D one -m fast -w stop >/dev/null 2>&1 </dev/null || say "$word" ;;
	start) start || say "$word" ;;
	esac
	echo done
done
`

// Solo is a server that a test stops and starts as it likes.
type Solo struct{ p *Pair }

// NewSolo starts a server that ends with the test.
func NewSolo(t testing.TB) *Solo {
	t.Helper()
	return &Solo{runScript(t, soloScript)}
}

// URL names its database.
func (s *Solo) URL() string { return s.p.address(s.p.dir, "5431", url.Values{}) }

// Stop ends the server in order.
func (s *Solo) Stop() { s.p.t.Helper(); s.p.do("stop") }

// Start has it back, with what it had.
func (s *Solo) Start() { s.p.t.Helper(); s.p.do("start") }
