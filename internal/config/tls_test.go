package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pki writes a signer and a certificate of a node that it signed.
func pki(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	save := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	signerKey, nodeKey := key(), key()
	signer := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signer"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	node := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"node"}, NotAfter: time.Now().Add(time.Hour)}
	signerDER, err := x509.CreateCertificate(rand.Reader, signer, signer, &signerKey.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	nodeDER, err := x509.CreateCertificate(rand.Reader, node, signer, &nodeKey.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(nodeKey)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		ClusterCA: save("ca.pem", "CERTIFICATE", signerDER), ClusterCert: save("cert.pem", "CERTIFICATE", nodeDER),
		ClusterKey: save("key.pem", "PRIVATE KEY", keyDER),
	}
}

// TestClusterTLS: nodes of one signer talk; whoever has another signer or no
// certificate does not get in.
func TestClusterTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := pki(t), pki(t)
	load := func(c Config) *tls.Config {
		cfg, err := c.ClusterTLS()
		if err != nil {
			t.Fatal(err)
		}
		cfg.ServerName = "node"
		return cfg
	}
	server := load(ours)
	stranger := load(theirs)
	stranger.RootCAs = server.RootCAs // it believes us, we must not believe it
	bare := &tls.Config{RootCAs: server.RootCAs, ServerName: "node", MinVersion: tls.VersionTLS12}
	for name, tc := range map[string]struct {
		client *tls.Config
		ok     bool
	}{"same signer": {load(ours), true}, "other signer": {stranger, false}, "no certificate": {bare, false}} {
		a, b := net.Pipe()
		got := make(chan error, 1)
		go func() {
			got <- tls.Server(a, server).HandshakeContext(t.Context())
			_ = a.Close()
		}()
		client := tls.Client(b, tc.client)
		go func() {
			if client.HandshakeContext(t.Context()) == nil {
				_, _ = client.Read(make([]byte, 1)) // the alert, if any
			}
			_ = b.Close()
		}()
		if err := <-got; (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClusterTLSErrors(t *testing.T) {
	t.Parallel()
	good := pki(t)
	var none Config
	if cfg, err := none.ClusterTLS(); cfg != nil || err != nil {
		t.Errorf("without a certificate: %v %v", cfg, err)
	}
	for name, change := range map[string]func(c *Config){
		"--cluster-cert": func(c *Config) { c.ClusterCert = "missing" },
		"--cluster-key":  func(c *Config) { c.ClusterKey = c.ClusterCert },
		"--cluster-ca":   func(c *Config) { c.ClusterCA = c.ClusterKey },
		"--cluster-ca: ": func(c *Config) { c.ClusterCA = "missing" },
	} {
		c := good
		change(&c)
		if _, err := c.ClusterTLS(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
