// Package certificate keeps the TLS certificate that game clients see.
//
// Clients remember the fingerprint of the certificate and warn when it changes.
// So the self-signed one is made once and kept in the store: it survives restarts
// and is the same on every node. An operator's files replace it.
package certificate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// secretName is where the store keeps certificate and key, in PEM form.
const secretName = "spring.certificate"

// validity of a self-signed certificate. Clients check the fingerprint, not the
// signature, and a new one would make all of them ask their users.
const validity = 10 * 365 * 24 * time.Hour

// backdate covers clients whose clock is behind.
const backdate = 24 * time.Hour

// SecretFunc returns a value that all nodes share, made by create if it is missing;
// of several creators one wins and all get its value.
type SecretFunc func(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error)

// Source says where the certificate comes from: the operator's files if they are
// named, else the store.
type Source struct {
	CertFile string
	KeyFile  string
	Secret   SecretFunc
}

// Certificate is a certificate with its key.
type Certificate struct {
	pair tls.Certificate
}

// Load returns the operator's certificate, or the one in the store, which is made
// now if there is none.
func Load(ctx context.Context, from Source) (*Certificate, error) {
	if from.CertFile != "" || from.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(from.CertFile, from.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		return &Certificate{pair}, nil
	}
	text, err := from.Secret(ctx, secretName, func() ([]byte, error) { return selfSigned(time.Now()) })
	if err != nil {
		return nil, fmt.Errorf("certificate in the store: %w", err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fmt.Errorf("certificate in the store: %w", err)
	}
	return &Certificate{pair}, nil
}

// Config is how connections are secured. Clients seen use TLS 1.3; libraries of
// older lobbies know 1.2.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.pair}}
}

// Fingerprint is the SHA-256 of the certificate in hexadecimal, as clients show it.
func (c *Certificate) Fingerprint() string {
	sum := sha256.Sum256(c.pair.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// Expires is when clients that look at the date refuse the certificate.
func (c *Certificate) Expires() time.Time { return c.pair.Leaf.NotAfter }

// selfSigned makes a certificate and its key, both in PEM form.
func selfSigned(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "teiserver"},
		DNSNames:              []string{"teiserver", "localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}
