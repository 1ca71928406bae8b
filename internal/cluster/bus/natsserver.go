package bus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// routeUser is the name by which nodes log in at each other; the password is
// derived from the secret.
const routeUser = "node"

// maxWaiting is what the server may hold for our connection before it takes it
// for dead: a node that was stopped for a while must not lose it.
const maxWaiting = 512 << 20

// startServer starts the embedded server and waits until it listens. The returned
// option is how this process, and nobody else, logs in as a client.
func startServer(ctx context.Context, o Options) (*server.Server, nats.Option, error) {
	opts, err := serverOptions(o)
	if err != nil {
		return nil, nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, nil, fmt.Errorf("start server: %w", err)
	}
	log := newServerLog(o)
	srv.SetLoggerV2(log, true, false, false)
	srv.Start()
	if err := awaitServer(ctx, srv, log); err != nil {
		srv.Shutdown()
		return nil, nil, fmt.Errorf("listen on %s: %w", o.Listen, err)
	}
	return srv, nats.UserInfo(opts.Username, opts.Password), nil
}

func serverOptions(o Options) (*server.Options, error) {
	host, port, err := hostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", o.Listen, err)
	}
	if o.Secret == "" {
		return nil, errors.New("a cluster needs a secret")
	}
	if o.ClusterID == "" {
		return nil, errors.New("a cluster needs an id")
	}
	password := derive(o.Secret, "route")
	routes := make([]*url.URL, 0, len(o.Join))
	for _, peer := range o.Join {
		if _, _, err := net.SplitHostPort(peer); err != nil {
			return nil, fmt.Errorf("join %q: %w", peer, err)
		}
		routes = append(routes, &url.URL{Scheme: "nats-route", User: url.UserPassword(routeUser, password), Host: peer})
	}
	return &server.Options{
		ServerName: token(o.Self.Node) + "-" + strconv.FormatInt(o.Self.Incarnation, 10),
		// DontListen with routes never forms a cluster and hangs on shutdown: listen
		// where only this host can connect, behind a password only this process has.
		Host:            "127.0.0.1",
		Port:            server.RANDOM_PORT,
		Username:        rand.Text(),
		Password:        rand.Text(),
		NoSigs:          true,
		NoSystemAccount: true,
		MaxPayload:      maxPayload,
		MaxPending:      maxWaiting,
		Routes:          routes,
		Cluster: server.ClusterOpts{
			Name:      "teiserver-" + derive(o.ClusterID, "cluster")[:16],
			Host:      host,
			Port:      port,
			Username:  routeUser,
			Password:  password,
			TLSConfig: o.TLS,
			Advertise: o.Advertise,
			// One connection between two nodes, so that the order of topics does not hang
			// on how the server spreads them over several.
			PoolSize: -1,
			// A peer that is found by another's word and comes up later is tried again.
			ConnectRetries: 10,
			PingInterval:   2 * time.Second,
			MaxPingsOut:    2,
		},
	}, nil
}

func hostPort(s string) (string, int, error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("bad port %q", text)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// derive makes one secret from another, so that neither tells about the other.
func derive(secret, purpose string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("teiserver " + purpose))
	return hex.EncodeToString(mac.Sum(nil))
}

// awaitServer waits until the server listens, or has said why it cannot.
func awaitServer(ctx context.Context, srv *server.Server, log *serverLog) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case text := <-log.fatal:
			return errors.New(plainFatal(text))
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if srv.ClusterAddr() != nil && srv.Addr() != nil {
			return nil
		}
	}
}

// plainFatal leaves the cause of a text such as
// "Error listening on router port: 6222 - listen tcp :6222: bind: address already in use".
func plainFatal(text string) string {
	if _, cause, ok := strings.Cut(text, " - "); ok {
		return cause
	}
	return text
}
