package geoip

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// write makes a file with one value for each network.
func write(t *testing.T, kind string, networks map[string]mmdbtype.DataType) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, BuildEpoch: 1_700_000_000, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, value := range networks {
		_, parsed, err := net.ParseCIDR(network)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Insert(parsed, value); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "test.mmdb")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func in(code string) mmdbtype.Map {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}, "continent": mmdbtype.Map{"code": mmdbtype.String("EU")}}
}

func TestCountry(t *testing.T) {
	t.Parallel()
	file := write(t, "Test-Country", map[string]mmdbtype.DataType{
		"192.0.2.0/24": in("FR"), "198.51.100.0/24": in("DE"), "2001:db8:1::/48": in("SE"),
		"203.0.113.0/25":   mmdbtype.Map{"continent": mmdbtype.Map{"code": mmdbtype.String("EU")}},
		"203.0.113.128/25": in("F\nR"),
	})
	table, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	// What was read stays, whatever becomes of the file.
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{
		"192.0.2.7": "FR", "::ffff:192.0.2.7": "FR", "198.51.100.255": "DE", "2001:db8:1::5": "SE",
		"2001:db8:2::5": "", "10.0.0.1": "", "203.0.113.1": "", "203.0.113.200": "", "here": "", "": "", "fe80::1%eth0": "",
	} {
		if got := table.Country(ip); got != want {
			t.Errorf("%s is from %q, want %q", ip, got, want)
		}
	}
	if d := table.Describe(); d != "Test-Country of 2023-11-14" {
		t.Errorf("description %q", d)
	}
}

// TestOpenErrors: what holds no countries is not taken.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	other := write(t, "Test-ASN", map[string]mmdbtype.DataType{"192.0.2.0/24": mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(1)}})
	if _, err := Open(other); !errors.Is(err, errNoCountries) {
		t.Errorf("numbers of networks: %v", err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(text); err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a text: %v", err)
	}
	if _, err := Open(text + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
