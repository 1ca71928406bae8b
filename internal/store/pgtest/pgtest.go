// Package pgtest gives tests a PostgreSQL of their own.
//
// URL makes a fresh database on the server that TEISERVER_TEST_POSTGRES names (a
// URL of a role that may create databases). Without it the first call of a test
// binary starts a throw-away server in a temporary folder, reached by a socket
// there, which ends with the test binary, however that ends.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Env names the server to use instead of a throw-away one.
const Env = "TEISERVER_TEST_POSTGRES"

// server is started by the first test of a binary that asks.
var server = sync.OnceValues(func() (*instance, error) {
	if given := os.Getenv(Env); given != "" {
		return &instance{address: given}, nil
	}
	return start()
})

// number makes the names of databases different.
var number atomic.Int64

// URL returns the address of an empty database that is dropped after the test.
func URL(t testing.TB) string {
	t.Helper()
	running, err := server()
	if err != nil {
		t.Fatalf("a PostgreSQL to test with: %v", err)
	}
	base := running.address
	address, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", Env, err)
	}
	name := fmt.Sprintf("test_%d_%d_%d", os.Getpid(), time.Now().UnixNano(), number.Add(1))
	execute(t, base, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, base, "DROP DATABASE "+name+" WITH (FORCE)") })
	address.Path = "/" + name
	return address.String()
}

func execute(t testing.TB, address, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
