package app

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"teiserver/internal/config"
	"teiserver/test/springclient"
)

// TestCountries: a user is shown in the country of the address of the login, in no other
// than the operator has set, and in none if the file does not know the address.
func TestCountries(t *testing.T) {
	t.Parallel()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-Country", IncludeReservedNetworks: true})
	expect(t, err)
	_, network, err := net.ParseCIDR("203.0.113.0/24")
	expect(t, err)
	expect(t, tree.Insert(network, mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String("FR")}}))
	file := filepath.Join(t.TempDir(), "countries.mmdb")
	f, err := os.Create(file)
	expect(t, err)
	_, err = tree.WriteTo(f)
	expect(t, err)
	expect(t, f.Close())

	s, cfg := limitedBy(t, nil, func(cfg *config.Config) { cfg.SpringProxyFrom, cfg.GeoIP = []string{"127.0.0.1"}, file })
	add(t, cfg, "Player", "user")
	add(t, cfg, "Moved", "user")
	country := "SE"
	expect(t, SetShown(t.Context(), cfg, "Moved", Shown{Country: &country}, ""))
	for _, tc := range []struct{ name, from, want string }{
		{"Player", "203.0.113.9", "FR"}, {"Player", "198.51.100.1", "??"}, {"Player", "203.0.113.8", "FR"}, {"Moved", "203.0.113.9", "SE"},
	} {
		ctx, c := through(t, s.Addresses()["spring-listen"], version1(tc.from), false, springclient.Player)
		expect(t, c.Login(ctx, tc.name))
		found := ""
		for _, line := range c.Lines(0) {
			if f := strings.Fields(line); f[0] == "ADDUSER" && f[1] == tc.name {
				found = f[2]
			}
		}
		if found != tc.want {
			t.Errorf("%s from %s is shown in %q, want %q", tc.name, tc.from, found, tc.want)
		}
		c.Close()
	}
}

// TestNoCountries: a file that cannot be read is one line, before the database is opened.
func TestNoCountries(t *testing.T) {
	t.Parallel()
	cfg := aloneIn(filepath.Join(t.TempDir(), "data"))
	cfg.GeoIP = filepath.Join(t.TempDir(), "text")
	expect(t, os.WriteFile(cfg.GeoIP, []byte("hello"), 0o600))
	_, err := Start(t.Context(), cfg, quiet(t))
	if err == nil || !strings.HasPrefix(err.Error(), "--geoip: read ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("started with a text: %v", err)
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "teiserver.db")); err == nil {
		t.Error("the database was made")
	}
	lines, failed := checked(t, t.TempDir(), func(string) {})
	if failed || strings.Contains(lines, "geoip") {
		t.Errorf("check without a file: %s", lines)
	}
}
