package main

import (
	"context"
	"io"

	"teiserver/internal/app"
	"teiserver/internal/config"
)

type ratingReset struct {
	config.Config `embed:""`
	Target        float64 `default:"5" help:"Uncertainty that everybody has at least afterwards."`
	DryRun        bool    `name:"dry-run" help:"Say how many there are, and change nothing."`
}

func (c *ratingReset) Run(ctx context.Context, stdout io.Writer) error {
	return app.ResetUncertainty(ctx, c.Config, c.Target, c.DryRun, stdout)
}

type ratingRerate struct {
	config.Config `embed:""`
	Matches       []int64 `arg:"" help:"Numbers of the matches, the oldest first."`
}

func (c *ratingRerate) Run(ctx context.Context, stdout io.Writer) error {
	return app.Rerate(ctx, c.Config, c.Matches, stdout)
}
