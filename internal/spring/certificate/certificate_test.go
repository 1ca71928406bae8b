package certificate

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// shared is a store's secrets, the same for all nodes.
type shared struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (s *shared) secret(_ context.Context, name string, create func() ([]byte, error)) ([]byte, error) {
	made, err := create() // of several creators one wins: here all create
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	if _, ok := s.values[name]; !ok {
		s.values[name] = made
	}
	return s.values[name], nil
}

// TestSameEverywhere: clients remember the fingerprint, so nodes and restarts must
// show the same, also if two nodes start at once on an empty store.
func TestSameEverywhere(t *testing.T) {
	t.Parallel()
	var store shared
	prints := make([]string, 4)
	var wg sync.WaitGroup
	for i := range prints {
		wg.Go(func() {
			c, err := Load(t.Context(), Source{Secret: store.secret})
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = c.Fingerprint()
		})
	}
	wg.Wait()
	for _, p := range prints {
		if len(p) != 64 || p != prints[0] {
			t.Errorf("fingerprints differ: %q", prints)
		}
	}
	var other shared
	c, err := Load(t.Context(), Source{Secret: other.secret})
	if err != nil || c.Fingerprint() == prints[0] {
		t.Errorf("another site has the same certificate: %v", err)
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	var store shared
	c, err := Load(t.Context(), Source{Secret: store.secret})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(c.pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		t.Errorf("key %T", cert.PublicKey)
	}
	for _, host := range []string{"teiserver", "localhost", "127.0.0.1", "::1"} {
		if err := cert.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if years := time.Until(cert.NotAfter).Hours() / 24 / 365; years < 9.9 || time.Until(cert.NotBefore) > -time.Hour {
		t.Errorf("valid from %s to %s", cert.NotBefore, cert.NotAfter)
	}
	if cert.Subject.CommonName != "teiserver" {
		t.Errorf("name %q", cert.Subject.CommonName)
	}
}

// TestHandshake: old and new TLS work, older is refused.
func TestHandshake(t *testing.T) {
	t.Parallel()
	var store shared
	c, err := Load(t.Context(), Source{Secret: store.secret})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	leaf, _ := x509.ParseCertificate(c.pair.Certificate[0])
	roots.AddCert(leaf)
	for version, want := range map[uint16]bool{tls.VersionTLS13: true, tls.VersionTLS12: true, tls.VersionTLS11: false} {
		a, b := net.Pipe()
		server := make(chan struct{})
		go func() {
			defer close(server)
			_ = tls.Server(a, c.Config()).HandshakeContext(t.Context())
			_ = a.Close()
		}()
		client := tls.Client(b, &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: version, MaxVersion: version})
		err := client.HandshakeContext(t.Context())
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		_ = b.Close()
		<-server
	}
}

func TestOperatorsFiles(t *testing.T) {
	t.Parallel()
	text, err := selfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(text, []byte("-----BEGIN PRIVATE KEY"))
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, part := range map[string][]byte{cert: text[:i], key: text[i:]} {
		if err := os.WriteFile(path, part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	never := func(context.Context, string, func() ([]byte, error)) ([]byte, error) {
		t.Error("the store was asked")
		return nil, errors.New("no")
	}
	c, err := Load(t.Context(), Source{CertFile: cert, KeyFile: key, Secret: never})
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := tls.X509KeyPair(text, text)
	if want := (&Certificate{pair}).Fingerprint(); c.Fingerprint() != want {
		t.Errorf("fingerprint %s, want %s", c.Fingerprint(), want)
	}
	for _, from := range []Source{{CertFile: cert, KeyFile: cert}, {CertFile: cert, KeyFile: "missing"}, {CertFile: key, KeyFile: key}} {
		from.Secret = never
		if _, err := Load(t.Context(), from); err == nil {
			t.Errorf("%+v was accepted", from)
		}
	}
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	_, err := Load(t.Context(), Source{Secret: func(context.Context, string, func() ([]byte, error)) ([]byte, error) { return nil, away }})
	if !errors.Is(err, away) {
		t.Error(err)
	}
	_, err = Load(t.Context(), Source{Secret: func(context.Context, string, func() ([]byte, error)) ([]byte, error) { return []byte("junk"), nil }})
	if err == nil {
		t.Error("junk was accepted")
	}
}
