package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// entry describes one flag as the reference shows it.
type entry struct {
	flag, env, value, def, help string
}

// entries lists the flags in the order of the struct.
func entries() []entry {
	var all []entry
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		all = append(all, entry{
			flag:  tag.Get("name"),
			env:   tag.Get("env"),
			value: tag.Get("placeholder"),
			def:   tag.Get("default"),
			help:  tag.Get("help"),
		})
	}
	return all
}

// fileKeys are the names a configuration file may use: every flag but the one
// that names the file.
func fileKeys() map[string]bool {
	keys := map[string]bool{}
	for _, e := range entries() {
		if e.flag != "config" {
			keys[e.flag] = true
		}
	}
	return keys
}

// inOrder lists the keys of a file by the line they stand on, so that the first
// mistake is the one that is told.
func inOrder(text string, raw map[string]any) []string {
	keys := make([]string, 0, len(raw))
	for key := range raw {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(lineOf(text, a)-lineOf(text, b), strings.Compare(a, b))
	})
	return keys
}

// Reference is the text of docs/config.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

What one node is started with. Settings that all nodes share and that change while the server runs are listed by
` + "`teiserver config list`" + ` and changed by ` + "`teiserver config set KEY VALUE`" + `.

Each value comes from the first of these that has it: the flag, the environment variable, the file, the default.
The file is TOML, named by ` + "`--config`" + ` or ` + "`TEISERVER_CONFIG`" + `; its keys are the flags without the two dashes. A key that no flag
has is an error. Wrong values end the start with one line that names them.

This page is made from the code; a test compares the two.

| flag | environment | default | meaning |
| --- | --- | --- | --- |
`)
	for _, e := range entries() {
		flag := "--" + e.flag
		if e.value != "" {
			flag += " " + e.value
		}
		def := ""
		if e.def != "" {
			def = "`" + e.def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", flag, e.env, def, e.help)
	}
	b.WriteString(`
## Example

` + "```toml" + `
data-dir       = "/var/lib/teiserver"
node-name      = "eu-1"
database       = "postgres://teiserver@db.internal/teiserver"
cluster-listen = "10.0.0.1:4100"
cluster-join   = ["10.0.0.2:4100", "10.0.0.3:4100"]
cluster-secret = "a long text that all nodes share"
log-format     = "json"
stop-timeout   = "20s"
` + "```" + `

## Rules

- A node without ` + "`--cluster-listen`" + ` is alone. With it, ` + "`--cluster-secret`" + ` is needed; off loopback it has 16 characters or more.
- Off loopback, give the nodes TLS with ` + "`--cluster-cert`, `--cluster-key` and `--cluster-ca`" + `; without it the node starts with a warning.
- A SQLite file serves the nodes of one machine. A cluster over several machines needs PostgreSQL.
- ` + "`--unlimited`" + ` is refused unless every listener is on loopback (127.0.0.0/8, ::1, localhost).
- Secrets and passwords in addresses are printed as ` + "`redacted`" + `.
`)
	return b.String()
}
