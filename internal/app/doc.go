// Package app builds a node from its configuration, starts it in order and stops
// it in the reverse order. It is the only package that knows all others.
package app
