// Package config is the configuration of one node: what must be known before the
// store is open. Everything that may change while the server runs is a setting
// (package setting) instead and is the same on all nodes.
//
// Each value comes from the first of these that has it: the flag, its environment
// variable (TEISERVER_ and the flag's name in capitals), the file named by
// --config, the default. The file is TOML and flat; its keys are the flags' names.
// A key that no flag has is an error, so that a typing mistake is never a silent
// default.
//
// Values are checked before anything is opened; each wrong one is named in one
// line. Secrets have types that print as "redacted", in logs and JSON too. The
// reference page docs/config.md is made from this package and compared by a test.
package config
