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

type ratingRerateType struct {
	config.Config `embed:""`
	Type          string `arg:"" help:"Type of the ratings, like Duel or \"Large Team\"."`
	Season        int    `help:"Season, if it is not the active one."`
	Abandon       bool   `help:"Give it up half-way: matches that were not reached stay unrated."`
}

func (c *ratingRerateType) Run(ctx context.Context, stdout io.Writer) error {
	return app.RerateType(ctx, c.Config, c.Type, c.Season, c.Abandon, stdout)
}

type ratingSet struct {
	config.Config `embed:""`
	User          string   `arg:"" help:"Name of the player."`
	Type          string   `arg:"" help:"Type of the rating, like Duel or \"Large Team\"."`
	Skill         *float64 `help:"Skill; without it it stays."`
	Uncertainty   *float64 `help:"Uncertainty; without it it stays."`
	Season        int      `help:"Season, if it is not the active one."`
	By            string   `placeholder:"NAME" help:"Moderator in whose name it is done."`
}

func (c *ratingSet) Run(ctx context.Context, stdout io.Writer) error {
	return app.SetRating(ctx, c.Config, app.RatingChange{
		User: c.User, By: c.By, Type: c.Type, Season: c.Season, Skill: c.Skill, Uncertainty: c.Uncertainty,
	}, stdout)
}

type ratingAdjust struct {
	config.Config `embed:""`
	User          string `arg:"" help:"Name of the player."`
	Amount        int    `arg:"" help:"What is added to the player's ratings when teams are made; 0 ends it. Before a negative one write --."`
	By            string `placeholder:"NAME" help:"Moderator in whose name it is done."`
}

func (c *ratingAdjust) Run(ctx context.Context, stdout io.Writer) error {
	return app.AdjustBalance(ctx, c.Config, c.User, c.By, c.Amount, stdout)
}
