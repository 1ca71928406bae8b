package main

import (
	"context"
	"io"

	"teiserver/internal/app"
	"teiserver/internal/config"
)

// badgeCommands are those of "badge".
type badgeCommands struct {
	List   badgeList   `cmd:"" help:"Print the types of accolades."`
	Add    badgeAdd    `cmd:"" help:"Add a type of accolade."`
	Retire badgeRetire `cmd:"" help:"Have a type of accolade not offered anymore."`
}

type badgeList struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *badgeList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListBadges(ctx, c.Config, c.JSON, stdout)
}

type badgeAdd struct {
	config.Config `embed:""`
	Name          string `arg:"" help:"Name."`
	Description   string `arg:"" help:"What it is given for, as players read it behind the name."`
	Icon          string `default:"award" help:"Name of an icon."`
	Color         string `default:"#888888" help:"Color."`
	Restriction   string `help:"Ally or Enemy: to whom it may be given."`
}

func (c *badgeAdd) Run(ctx context.Context) error {
	return app.AddBadge(ctx, c.Config, app.NewBadge{
		Name: c.Name, Description: c.Description, Icon: c.Icon, Color: c.Color, Restriction: c.Restriction,
	})
}

type badgeRetire struct {
	config.Config `embed:""`
	Name          string `arg:"" help:"Name."`
	Back          bool   `help:"Offer it again."`
}

func (c *badgeRetire) Run(ctx context.Context) error {
	return app.RetireBadge(ctx, c.Config, c.Name, c.Back)
}

// achievementCommands are those of "achievement".
type achievementCommands struct {
	List   achievementList   `cmd:"" help:"Print the types of achievements."`
	Add    achievementAdd    `cmd:"" help:"Add a type of achievement."`
	Retire achievementRetire `cmd:"" help:"Have a type of achievement not counted anymore."`
	Of     achievementsOf    `cmd:"" help:"Print what a user has achieved."`
}

type achievementList struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *achievementList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListAchievements(ctx, c.Config, c.JSON, stdout)
}

type achievementAdd struct {
	config.Config `embed:""`
	Name          string `arg:"" help:"Name."`
	Description   string `arg:"" help:"What it is for."`
	Event         string `required:"" placeholder:"NAME" help:"Name of the event of a client or a host that counts."`
	Goal          int    `default:"1" help:"How many it takes."`
	Scenario      string `help:"Id of the scenario that is to be won."`
	Difficulty    string `help:"Normal (or harder) or Brutal, with --scenario."`
	Category      string `default:"Other" help:"With which it is shown."`
	Icon          string `default:"trophy" help:"Name of an icon."`
	Color         string `default:"#888888" help:"Color."`
	Rarity        int    `default:"1" help:"The higher the rarer."`
}

func (c *achievementAdd) Run(ctx context.Context) error {
	return app.AddAchievement(ctx, c.Config, app.NewAchievement{
		Name: c.Name, Description: c.Description, Event: c.Event, Goal: c.Goal, Scenario: c.Scenario, Difficulty: c.Difficulty,
		Category: c.Category, Icon: c.Icon, Color: c.Color, Rarity: c.Rarity,
	})
}

type achievementRetire struct {
	config.Config `embed:""`
	Name          string `arg:"" help:"Name."`
	Back          bool   `help:"Count it again."`
}

func (c *achievementRetire) Run(ctx context.Context) error {
	return app.RetireAchievement(ctx, c.Config, c.Name, c.Back)
}

type achievementsOf struct {
	config.Config `embed:""`
	User          string `arg:"" help:"Name of the user."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

func (c *achievementsOf) Run(ctx context.Context, stdout io.Writer) error {
	return app.ShowAchievements(ctx, c.Config, c.User, c.JSON, stdout)
}
