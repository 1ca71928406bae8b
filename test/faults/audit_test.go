//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// audit has the store write down every change of who owns what, and from which host it
// came. A statement that is rolled back leaves nothing here either.
const auditTables = `
CREATE SCHEMA faults;
CREATE TABLE faults.audit (
	n        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at       double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()),
	key      text NOT NULL,
	change   jsonb NOT NULL
);
CREATE FUNCTION faults.place(of_incarnation bigint) RETURNS text LANGUAGE sql VOLATILE AS
	$$ SELECT split_part(address, ':', 1) FROM public.node WHERE incarnation = of_incarnation $$;
CREATE FUNCTION faults.living(of_incarnation bigint) RETURNS boolean LANGUAGE sql VOLATILE AS
	$$ SELECT coalesce((SELECT state IN ('serving', 'draining') FROM public.node WHERE incarnation = of_incarnation), false) $$;
CREATE FUNCTION faults.owner_state(o public.owner) RETURNS jsonb LANGUAGE sql VOLATILE AS
	$$ SELECT jsonb_build_object('state', o.state, 'incarnation', o.incarnation, 'epoch', o.epoch, 'writes', o.writes,
		'owner', coalesce(faults.place(o.incarnation), ''), 'alive', faults.living(o.incarnation)) $$;
CREATE FUNCTION faults.node_state(o public.node) RETURNS jsonb LANGUAGE sql VOLATILE AS
	$$ SELECT jsonb_build_object('state', o.state, 'incarnation', o.incarnation, 'owner', split_part(o.address, ':', 1),
		'left', coalesce(o.expires_at - public.store_now(), 0), 'alive', o.state IN ('serving', 'draining')) $$;
CREATE FUNCTION faults.on_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO faults.audit (key, change) VALUES (
		CASE TG_OP WHEN 'DELETE' THEN OLD.kind || '/' || OLD.id ELSE NEW.kind || '/' || NEW.id END,
		jsonb_build_object('table', 'owner', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''),
			'before', CASE TG_OP WHEN 'INSERT' THEN NULL ELSE faults.owner_state(OLD) END,
			'after', CASE TG_OP WHEN 'DELETE' THEN NULL ELSE faults.owner_state(NEW) END));
	RETURN NULL;
END $$;
CREATE TRIGGER faults AFTER INSERT OR UPDATE OR DELETE ON public.owner FOR EACH ROW EXECUTE FUNCTION faults.on_owner();
CREATE FUNCTION faults.on_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO faults.audit (key, change) VALUES (
		CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END,
		jsonb_build_object('table', 'node', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''),
			'before', CASE TG_OP WHEN 'INSERT' THEN NULL ELSE faults.node_state(OLD) END,
			'after', CASE TG_OP WHEN 'DELETE' THEN NULL ELSE faults.node_state(NEW) END));
	RETURN NULL;
END $$;
CREATE TRIGGER faults_new AFTER INSERT OR DELETE ON public.node FOR EACH ROW EXECUTE FUNCTION faults.on_node();
CREATE TRIGGER faults AFTER UPDATE ON public.node FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION faults.on_node();
CREATE FUNCTION faults.on_snapshot() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	o public.owner;
BEGIN
	SELECT * INTO o FROM public.owner WHERE kind = NEW.kind AND id = NEW.id;
	INSERT INTO faults.audit (key, change) VALUES (NEW.kind || '/' || NEW.id,
		jsonb_build_object('table', 'snapshot', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''), 'after', faults.owner_state(o)));
	RETURN NULL;
END $$;
CREATE TRIGGER faults AFTER INSERT OR UPDATE ON public.snapshot FOR EACH ROW EXECUTE FUNCTION faults.on_snapshot();
`

// sql connects from the host of the operator.
func (r *rig) sql(ctx context.Context) (*pgx.Conn, error) {
	return connect(ctx, r.net.Host(operator), r.pg.url())
}

func (r *rig) audit() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := r.sql(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, auditTables); err != nil {
		r.t.Fatalf("tables of the audit: %v", err)
	}
}

// readAudit moves what the store has written down into the history.
func (r *rig) readAudit() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := r.sql(ctx)
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	rows, err := c.Query(ctx, "SELECT at, key, change FROM faults.audit ORDER BY n")
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	offset := time.Now().UnixNano() - now() // of the wall clock, which the store's is
	for rows.Next() {
		var at float64
		var key string
		var body []byte
		if err := rows.Scan(&at, &key, &body); err != nil {
			return fmt.Errorf("read the audit: %w", err)
		}
		e := Event{Kind: Row, At: int64(at*1e9) - offset, Key: key, Change: &Change{}}
		if err := json.Unmarshal(body, e.Change); err != nil {
			return fmt.Errorf("read the audit: %w", err)
		}
		r.history.Add(e)
	}
	return rows.Err()
}
