package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// certificateOf prints the fingerprint of the certificate that clients get, as serve does.
func certificateOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate tls|stls address")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", args[1])
	ts.Check(err)
	defer func() { _ = nc.Close() }()
	deadline, _ := ctx.Deadline()
	ts.Check(nc.SetDeadline(deadline))
	if args[0] == "stls" {
		_, err = fmt.Fprint(nc, "STLS\n")
		ts.Check(err)
		for line := ""; !strings.HasPrefix(line, "OK"); {
			line, err = readLine(nc)
			ts.Check(err)
		}
	}
	secure := tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // as clients that pin do
	ts.Check(secure.HandshakeContext(ctx))
	_, err = fmt.Fprintf(ts.Stdout(), "  certificate sha256 %x\n", sha256.Sum256(secure.ConnectionState().PeerCertificates[0].Raw))
	ts.Check(err)
}

// readLine reads a line and nothing after it, which may be TLS.
func readLine(nc net.Conn) (string, error) {
	var line strings.Builder
	for b := make([]byte, 1); b[0] != '\n'; line.WriteByte(b[0]) {
		if _, err := nc.Read(b); err != nil {
			return "", err
		}
	}
	return line.String(), nil
}

// makeCertificate writes a certificate that an operator could have.
func makeCertificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: makecert cert key")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	now := time.Now()
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	ts.Check(err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for i, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: cert}, {Type: "PRIVATE KEY", Bytes: raw}} {
		ts.Check(os.WriteFile(ts.MkAbs(args[i]), pem.EncodeToMemory(block), 0o600))
	}
}
