package spadsapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Hosts send a map as Python writes it: {'Alice': {'team': 0, 'clan': None}}. This is a
// reader of such literals, and of JSON, which is one but for its words. It evaluates
// nothing.

// Bounds of a literal.
const (
	deepest  = 32
	mostKeys = 4096
)

var errLiteral = errors.New("not a literal")

// parseKeys returns the keys of a map in their order. The values are read, and thrown away.
func parseKeys(text string) ([]string, error) {
	p := &parser{rest: text}
	p.blank()
	if !p.take("{") {
		return nil, errLiteral
	}
	var keys []string
	err := p.items("}", func() error {
		key, err := p.text()
		if err != nil {
			return err
		}
		if keys = append(keys, key); len(keys) > mostKeys {
			return fmt.Errorf("%w: too long", errLiteral)
		}
		if err := p.colon(); err != nil {
			return err
		}
		return p.value(1)
	})
	if err != nil {
		return nil, err
	}
	if p.blank(); p.rest != "" {
		return nil, fmt.Errorf("%w: something follows", errLiteral)
	}
	return keys, nil
}

type parser struct{ rest string }

func (p *parser) blank() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *parser) take(token string) bool {
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

// items reads what is between an opening that was taken and its end, with commas between,
// and perhaps one behind.
func (p *parser) items(end string, item func() error) error {
	for {
		p.blank()
		if p.take(end) {
			return nil
		}
		if err := item(); err != nil {
			return err
		}
		p.blank()
		if p.take(",") {
			continue
		}
		if p.take(end) {
			return nil
		}
		return errLiteral
	}
}

func (p *parser) colon() error {
	if p.blank(); !p.take(":") {
		return errLiteral
	}
	return nil
}

// value reads any literal.
func (p *parser) value(depth int) error {
	if depth > deepest {
		return fmt.Errorf("%w: too deep", errLiteral)
	}
	inner := func() error { return p.value(depth + 1) }
	p.blank()
	switch {
	case p.take("{"):
		return p.items("}", func() error {
			if err := inner(); err != nil {
				return err
			}
			if p.blank(); strings.HasPrefix(p.rest, ",") || strings.HasPrefix(p.rest, "}") {
				return nil // of a set
			}
			if err := p.colon(); err != nil {
				return err
			}
			return inner()
		})
	case p.take("["):
		return p.items("]", inner)
	case p.take("("):
		return p.items(")", inner)
	case p.isText():
		_, err := p.text()
		return err
	}
	return p.word()
}

var words = map[string]bool{
	"None": true, "True": true, "False": true, "null": true, "true": true, "false": true, "nan": true, "inf": true,
}

// word reads a name of a value, or a number.
func (p *parser) word() error {
	end := strings.IndexAny(p.rest, " \t\r\n,:{}[]()'\"")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	if words[word] {
		return nil
	}
	if _, err := strconv.ParseFloat(strings.ReplaceAll(word, "_", ""), 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return errLiteral
	}
	return nil
}

// isText reports whether a text follows, perhaps with a prefix that says how it is coded.
func (p *parser) isText() bool {
	s := strings.TrimLeft(p.rest[:min(len(p.rest), 1)], "ubUB")
	if s == "" && len(p.rest) > 1 {
		s = p.rest[1:2]
	}
	return s == "'" || s == `"`
}

func (p *parser) text() (string, error) {
	if !p.isText() {
		return "", errLiteral
	}
	if c := p.rest[0]; c != '\'' && c != '"' {
		p.rest = p.rest[1:]
	}
	quote := p.rest[0]
	p.rest = p.rest[1:]
	var b strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch c {
		case quote:
			return b.String(), nil
		case '\\':
			if err := p.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%w: a text does not end", errLiteral)
}

// simple are the escapes of one letter.
const (
	simple     = `\'"/abfnrtv`
	simpleMean = "\\'\"/\a\b\f\n\r\t\v"
)

// sized are the escapes with this many hexadecimal digits.
var sized = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func (p *parser) escape(b *strings.Builder) error {
	if p.rest == "" {
		return errLiteral
	}
	c := p.rest[0]
	p.rest = p.rest[1:]
	if i := strings.IndexByte(simple, c); i >= 0 {
		b.WriteByte(simpleMean[i])
		return nil
	}
	digits, base := sized[c], 16
	if c >= '0' && c <= '7' {
		p.rest = string(c) + p.rest
		base = 8
		for digits < 3 && digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '7' {
			digits++
		}
	}
	if digits == 0 || len(p.rest) < digits {
		return errLiteral
	}
	n, err := strconv.ParseUint(p.rest[:digits], base, 32)
	if err != nil || n > utf8.MaxRune {
		return errLiteral
	}
	p.rest = p.rest[digits:]
	b.WriteRune(rune(n))
	return nil
}
