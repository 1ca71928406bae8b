package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
)

const redacted = "redacted"

// Secret is a text that never appears in output: printing, logging and encoding
// it gives "redacted". Reveal is the only way to the text.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Format prints "redacted" for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// String is "redacted", or empty if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// LogValue keeps the secret out of the log.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the secret out of JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// DatabaseURL says where the data is. It may hold a password, which is left out
// when it is printed, logged or encoded.
type DatabaseURL string

// Reveal returns the address with its password.
func (d DatabaseURL) Reveal() string { return string(d) }

// String is the address with "redacted" in place of a password.
func (d DatabaseURL) String() string {
	text := string(d)
	if d.SQLite() {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return redacted // it may be the password that does not parse
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), redacted)
	}
	query := u.Query()
	for key := range query {
		if strings.Contains(strings.ToLower(key), "password") {
			query.Set(key, redacted)
			u.RawQuery = query.Encode()
		}
	}
	return u.String()
}

// Format prints the address without its password for every verb.
func (d DatabaseURL) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(d.String())) }

// LogValue keeps the password out of the log.
func (d DatabaseURL) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText keeps the password out of JSON and other encodings.
func (d DatabaseURL) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// SQLite reports a file on this machine.
func (d DatabaseURL) SQLite() bool { return strings.HasPrefix(string(d), "sqlite:") }

// PostgreSQL reports a database server.
func (d DatabaseURL) PostgreSQL() bool {
	return strings.HasPrefix(string(d), "postgres://") || strings.HasPrefix(string(d), "postgresql://")
}
