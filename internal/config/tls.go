package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// ClusterTLS returns how nodes talk to each other: both sides show a certificate
// that cluster-ca signed. It is nil if no certificate is configured.
func (c *Config) ClusterTLS() (*tls.Config, error) {
	if c.ClusterCert == "" {
		return nil, nil
	}
	own, err := tls.LoadX509KeyPair(c.ClusterCert, c.ClusterKey)
	if err != nil {
		return nil, fmt.Errorf("--cluster-cert and --cluster-key: %w", err)
	}
	text, err := os.ReadFile(c.ClusterCA)
	if err != nil {
		return nil, fmt.Errorf("--cluster-ca: %w", err)
	}
	signers := x509.NewCertPool()
	if !signers.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--cluster-ca: %s has no certificate in PEM form", c.ClusterCA)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{own},
		RootCAs:      signers,
		ClientCAs:    signers,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}
