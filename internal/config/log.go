package config

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
)

// Logger returns the node's logger. Every line carries the name of a node: that
// of this one unless the line names another.
func (c *Config) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(c.LogLevel))); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if c.LogFormat == "json" {
		h = slog.NewJSONHandler(w, opts)
	}
	return slog.New(named{h, slog.String(nodeKey, c.NodeName)})
}

const nodeKey = "node"

// named adds this node's name to the lines that name none: two attributes of one
// key would be two fields of one name in JSON.
type named struct {
	slog.Handler
	node slog.Attr
}

func (h named) Handle(ctx context.Context, r slog.Record) error {
	if h.node.Key != "" {
		found := false
		r.Attrs(func(a slog.Attr) bool {
			found = a.Key == nodeKey
			return !found
		})
		if !found {
			r = r.Clone()
			r.AddAttrs(h.node)
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h named) WithAttrs(attrs []slog.Attr) slog.Handler {
	if slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == nodeKey }) {
		h.node = slog.Attr{}
	}
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

// WithGroup puts the name before the group, where it is looked for.
func (h named) WithGroup(name string) slog.Handler {
	if h.node.Key != "" {
		h.Handler = h.Handler.WithAttrs([]slog.Attr{h.node})
		h.node = slog.Attr{}
	}
	h.Handler = h.Handler.WithGroup(name)
	return h
}
