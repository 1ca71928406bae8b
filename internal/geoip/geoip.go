// Package geoip tells from which country an address is, by a file of the operator's in the
// MMDB format (GeoLite2-Country, DB-IP and others).
//
// The file is read once, as a whole: it may be replaced or overwritten while nodes run,
// and the next start reads the new one. Nothing is fetched from anywhere.
package geoip

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Table knows countries. It may be used by many goroutines.
type Table struct{ reader *maxminddb.Reader }

// tries is how many networks of a file are looked at for one that has a country.
const tries = 10_000

// Open reads a file. One without countries is an error.
func Open(file string) (*Table, error) {
	// Not mapped: a file that is overwritten in place would end the process.
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	t := &Table{reader}
	looked := 0
	for network := range reader.Networks() {
		if code(network) != "" {
			return t, nil
		}
		if looked++; looked == tries {
			break
		}
	}
	return nil, fmt.Errorf("read %s: %w", file, errNoCountries)
}

var errNoCountries = errors.New("it is a database of something else than countries")

// Describe names the kind and age of the data.
func (t *Table) Describe() string {
	m := t.reader.Metadata
	return fmt.Sprintf("%s of %s", m.DatabaseType, m.BuildTime().UTC().Format("2006-01-02"))
}

// Country returns the two letters of an address, empty if they are not known.
func (t *Table) Country(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	return code(t.reader.Lookup(address.Unmap().WithZone("")))
}

// letters is how long a code is: it goes to clients as it is.
const letters = 2

func code(r maxminddb.Result) (code string) {
	if err := r.DecodePath(&code, "country", "iso_code"); err != nil || len(code) != letters {
		return ""
	}
	for _, c := range code {
		if c < 'A' || c > 'Z' {
			return ""
		}
	}
	return code
}
