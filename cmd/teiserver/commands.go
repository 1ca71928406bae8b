package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"teiserver/internal/app"
	"teiserver/internal/config"
)

// commands is the command line. Each command that needs it has the node's
// configuration as flags, so that one file and environment serve them all.
type commands struct {
	Serve  serveCommand `cmd:"" help:"Run a node."`
	User   userCommands `cmd:"" help:"Accounts; running nodes follow within a second."`
	Config struct {
		Set   configSet   `cmd:"" help:"Change a setting of the site, on all nodes, without a restart."`
		Get   configGet   `cmd:"" help:"Print a setting."`
		List  configList  `cmd:"" help:"Print all settings."`
		Reset configReset `cmd:"" help:"Go back to a setting's default."`
	} `cmd:"" help:"Settings of the site."`
	Cluster struct {
		Status    clusterStatus    `cmd:"" help:"Print the nodes."`
		Processes clusterProcesses `cmd:"" help:"Print what runs on which node."`
		Drain     clusterDrain     `cmd:"" help:"Take a node out of service: others go on with what it runs, its clients are closed."`
		Undrain   clusterUndrain   `cmd:"" help:"Return a drained node to service."`
	} `cmd:"" help:"The cluster, as the database knows it."`
	Rating struct {
		ResetUncertainty ratingReset      `cmd:"" name:"reset-uncertainty" help:"Make ratings less certain at the end of a season, the more the longer a player has not played."`
		Rerate           ratingRerate     `cmd:"" help:"Rate matches again whose record or rules have changed."`
		RerateType       ratingRerateType `cmd:"" name:"rerate-type" help:"Rate all matches of a type and season again, from the first on; other matches wait meanwhile."`
		Set              ratingSet        `cmd:"" help:"Set a rating of a player by hand."`
		Adjust           ratingAdjust     `cmd:"" help:"Set what is added to a player's ratings for balance."`
	} `cmd:"" help:"Ratings of players."`
	Match struct {
		Show matchShow `cmd:"" help:"Print the record of a match, with its players, as JSON."`
	} `cmd:"" help:"Records of battles."`
	Badge       badgeCommands       `cmd:"" help:"Types of accolades."`
	Achievement achievementCommands `cmd:"" help:"Achievements of players."`
	Moderation  moderationCommands  `cmd:"" help:"What moderators do about users; running nodes follow within a second."`
	Database    struct {
		Restored databaseRestored `cmd:"" help:"Say that a backup was put back: numbers go on above those that may have been given since."`
	} `cmd:"" help:"The database."`
	Check   checkCommand   `cmd:"" help:"Look at the configuration and at what it names, and say what is wrong."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type serveCommand struct {
	config.Config `embed:""`
}

func (c *serveCommand) Run(ctx context.Context) error {
	for _, w := range c.Warnings() {
		c.Logger(os.Stderr).Warn("configuration", "warning", w)
	}
	return app.Serve(ctx, c.Config)
}

type configSet struct {
	config.Config `embed:""`
	Key           string  `arg:"" help:"Name of the setting."`
	Value         *string `arg:"" optional:"" help:"New value; \\n begins a new line."`
	From          string  `name:"file" placeholder:"FILE" help:"File with the new value, such as an agreement; - is the standard input."`
}

func (c *configSet) Run(ctx context.Context) error {
	switch {
	case c.Value == nil && c.From == "":
		return errors.New("a value is needed, or --file")
	case c.Value != nil && c.From != "":
		return errors.New("a value, or --file, not both")
	case c.Value != nil:
		return app.SetConfig(ctx, c.Config, c.Key, *c.Value)
	}
	return app.SetConfigFile(ctx, c.Config, c.Key, c.From)
}

type configGet struct {
	config.Config `embed:""`
	Key           string `arg:"" help:"Name of the setting."`
}

func (c *configGet) Run(ctx context.Context, stdout io.Writer) error {
	return app.GetConfig(ctx, c.Config, c.Key, stdout)
}

type configList struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *configList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListConfig(ctx, c.Config, c.JSON, stdout)
}

type configReset struct {
	config.Config `embed:""`
	Key           string `arg:"" help:"Name of the setting."`
}

func (c *configReset) Run(ctx context.Context) error {
	return app.ResetConfig(ctx, c.Config, c.Key)
}

type clusterStatus struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *clusterStatus) Run(ctx context.Context, stdout io.Writer) error {
	return app.ClusterStatus(ctx, c.Config, c.JSON, stdout)
}

type clusterProcesses struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *clusterProcesses) Run(ctx context.Context, stdout io.Writer) error {
	return app.ClusterProcesses(ctx, c.Config, c.JSON, stdout)
}

// drainFlags are those of drain and undrain.
type drainFlags struct {
	Node string        `arg:"" help:"Name of the node."`
	Wait time.Duration `default:"2m" placeholder:"TIME" help:"How long to wait until it is done; 0 does not wait."`
	JSON bool          `name:"json" help:"Print JSON."`
}

type clusterDrain struct {
	config.Config `embed:""`
	drainFlags    `embed:""`
}

func (c *clusterDrain) Run(ctx context.Context, stdout io.Writer) error {
	return app.DrainNode(ctx, c.Config, app.Drain{Node: c.Node, Drain: true, Wait: c.Wait, JSON: c.JSON}, stdout)
}

type clusterUndrain struct {
	config.Config `embed:""`
	drainFlags    `embed:""`
}

func (c *clusterUndrain) Run(ctx context.Context, stdout io.Writer) error {
	return app.DrainNode(ctx, c.Config, app.Drain{Node: c.Node, Wait: c.Wait, JSON: c.JSON}, stdout)
}

type matchShow struct {
	config.Config `embed:""`
	ID            int64 `arg:"" help:"Number of the match, as in the script tag game/server_match_id."`
}

func (c *matchShow) Run(ctx context.Context, stdout io.Writer) error {
	return app.ShowMatch(ctx, c.Config, c.ID, stdout)
}

type databaseRestored struct {
	config.Config `embed:""`
}

func (c *databaseRestored) Run(ctx context.Context, stdout io.Writer) error {
	return app.DatabaseRestored(ctx, c.Config, stdout)
}

type checkCommand struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *checkCommand) Run(ctx context.Context, stdout io.Writer) error {
	return app.Check(ctx, c.Config, c.JSON, stdout)
}

type versionCommand struct{}

func (versionCommand) Run(stdout io.Writer) error {
	_, err := fmt.Fprintf(stdout, "teiserver %s (%s, %s/%s)\n", app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
