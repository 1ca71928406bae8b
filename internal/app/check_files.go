package app

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/geoip"
)

// Others than the owner may read, or write.
const (
	othersRead  = 0o044
	othersWrite = 0o022
)

// checkFiles looks at the data folder and at the files with secrets.
func checkFiles(f *findings, cfg config.Config) {
	info, err := os.Stat(cfg.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.ok("data folder", "%s is not there yet, the first start makes it", cfg.DataDir)
	case err != nil:
		f.fail("data folder", "%v", err)
	case !info.IsDir():
		f.fail("data folder", "%s is not a folder", cfg.DataDir)
	case info.Mode().Perm()&othersWrite != 0:
		f.warn("data folder", "%s (%v) can be written by others than its owner", cfg.DataDir, info.Mode().Perm())
	default:
		f.ok("data folder", "%s", cfg.DataDir)
	}
	if _, err := readMemory(cfg.DataDir); err != nil {
		f.warn("data folder", "%v", err)
	}
	if path, ok := strings.CutPrefix(cfg.Database.Reveal(), "sqlite:"); ok {
		checkSecret(f, "database", path, true)
	}
	if cfg.GeoIP != "" {
		if table, err := geoip.Open(cfg.GeoIP); err != nil {
			f.fail("geoip", "%v", err)
		} else {
			f.ok("geoip", "%s", table.Describe())
		}
	}
	checkSecret(f, "config", string(cfg.File), cfg.ClusterSecret == "" && !hasPassword(cfg.Database))
	checkSecret(f, "key", cfg.TLSKey, false)
	checkSecret(f, "key", cfg.ClusterKey, false)
}

// hasPassword reports an address with a password: what is printed of it differs.
func hasPassword(d config.DatabaseURL) bool { return d.String() != d.Reveal() }

// checkSecret looks at a file that others should not read. mayBeAbsent is for files that
// a start makes, and those that hold no secret.
func checkSecret(f *findings, what, path string, mayBeAbsent bool) {
	if path == "" {
		return
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mayBeAbsent:
	case err != nil:
		f.fail(what, "%v", err)
	case info.Mode().Perm()&(othersRead|othersWrite) != 0 && (what != "config" || !mayBeAbsent):
		f.warn(what, "%s (%v) holds secrets and is open to others than its owner: chmod 600", path, info.Mode().Perm())
	}
}

// expiresSoon is when a certificate should be renewed.
const expiresSoon = 30 * 24 * time.Hour

// checkCertificates looks at the dates of the files that the configuration names.
func checkCertificates(f *findings, cfg config.Config, now time.Time) {
	for _, path := range []string{cfg.TLSCert, cfg.ClusterCert, cfg.ClusterCA} {
		if path == "" {
			continue
		}
		certs, err := readCertificates(path)
		if err != nil {
			f.fail("certificate", "%v", err)
			continue
		}
		for _, c := range certs {
			checkExpiry(f, filepath.Base(path)+" of "+c.Subject.CommonName, c.NotAfter, now)
		}
	}
	if _, err := cfg.ClusterTLS(); err != nil {
		f.fail("certificate", "%v", err)
	}
}

func checkExpiry(f *findings, name string, end, now time.Time) {
	day := end.UTC().Format(time.DateOnly)
	switch left := end.Sub(now); {
	case left <= 0:
		f.fail("certificate", "%s has expired on %s", name, day)
	case left < expiresSoon:
		f.warn("certificate", "%s expires on %s", name, day)
	default:
		f.ok("certificate", "%s is good until %s", name, day)
	}
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New(path + " has no certificate in PEM form")
	}
	return certs, nil
}
