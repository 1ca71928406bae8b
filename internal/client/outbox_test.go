package client

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestCutWithoutWaiting: a full outbox ends its connection from inside Send, which
// runs under the lock of the view: a peer that reads nothing must not hold it, not
// even for the farewell of TLS.
func TestCutWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		conn, peer := secured(t, ours, theirs)
		o := NewOutbox(conn, 1000)
		shaken := make(chan error)
		go func() { shaken <- peer.Handshake() }()
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if o.Send(make([]byte, 2000)) {
			t.Error("took more than its bound")
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Send stood still for %v", took)
		}
		<-o.Done()
	})
}

func secured(t *testing.T, ours, theirs net.Conn) (server, client *tls.Conn) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
	server = tls.Server(ours, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
	client = tls.Client(theirs, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}) //nolint:gosec // a test's own peer
	return server, client
}
