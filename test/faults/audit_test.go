//go:build faults

package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// auditTables have PostgreSQL write down every change of who owns what, from which host
// it came and in which transaction. A statement that is rolled back leaves nothing here
// either.
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
		jsonb_build_object('table', 'owner', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''), 'tx', txid_current(),
			'before', CASE TG_OP WHEN 'INSERT' THEN NULL ELSE faults.owner_state(OLD) END,
			'after', CASE TG_OP WHEN 'DELETE' THEN NULL ELSE faults.owner_state(NEW) END));
	RETURN NULL;
END $$;
CREATE TRIGGER faults AFTER INSERT OR UPDATE OR DELETE ON public.owner FOR EACH ROW EXECUTE FUNCTION faults.on_owner();
CREATE FUNCTION faults.on_node() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO faults.audit (key, change) VALUES (
		CASE TG_OP WHEN 'DELETE' THEN OLD.name ELSE NEW.name END,
		jsonb_build_object('table', 'node', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''), 'tx', txid_current(),
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
		jsonb_build_object('table', 'snapshot', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''), 'tx', txid_current(), 'after', faults.owner_state(o)));
	RETURN NULL;
END $$;
CREATE TRIGGER faults AFTER INSERT OR UPDATE ON public.snapshot FOR EACH ROW EXECUTE FUNCTION faults.on_snapshot();
CREATE FUNCTION faults.on_timeline() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO faults.audit (key, change) VALUES ('timeline/' || NEW.id,
		jsonb_build_object('table', 'timeline', 'action', TG_OP, 'by', coalesce(host(inet_client_addr()), ''), 'tx', txid_current()));
	RETURN NULL;
END $$;
CREATE TRIGGER faults AFTER INSERT ON public.timeline FOR EACH ROW EXECUTE FUNCTION faults.on_timeline();
`

// sql connects from the host of the operator.
func (r *rig) sql(ctx context.Context) (*pgx.Conn, error) {
	return connect(ctx, r.net.Host(operator), r.pg.main().url())
}

func (p *pair) audit(ctx context.Context) error {
	return p.session(ctx, func(c *pgx.Conn) error { _, err := c.Exec(ctx, auditTables); return err })
}

// audited turns the wall clock, which is the store's, into the boot clock.
func (p *pair) audited() string {
	return fmt.Sprintf("SELECT n, (at * 1e9)::bigint - %d, key, change::text FROM faults.audit WHERE n > $1 ORDER BY n", time.Now().UnixNano()-now())
}

// last is the number of the last change that was written down.
func (p *pair) last(ctx context.Context) (n int64, err error) {
	err = p.ask(ctx, "SELECT coalesce(max(n), 0) FROM faults.audit", func(scan func(...any) error) error { return scan(&n) })
	return n, err
}
