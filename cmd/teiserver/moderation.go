package main

import (
	"context"
	"io"

	"teiserver/internal/app"
	"teiserver/internal/config"
)

// moderationCommands are those of "moderation".
type moderationCommands struct {
	Action struct {
		Add    actionAdd    `cmd:"" help:"Restrict a user."`
		List   actionList   `cmd:"" help:"Print what was done about users."`
		Revoke actionRevoke `cmd:"" help:"End an action before its time."`
	} `cmd:"" help:"Restrictions of users."`
	Report struct {
		List  reportList  `cmd:"" help:"Print what users have reported."`
		Close reportClose `cmd:"" help:"Close a report."`
	} `cmd:"" help:"Reports of users about users."`
	Ban struct {
		Add    banAdd    `cmd:"" help:"Ban a user and whoever comes later with its keys, or keys and addresses alone."`
		List   banList   `cmd:"" help:"Print bans."`
		Remove banRemove `cmd:"" help:"End a ban."`
	} `cmd:"" help:"Bans of accounts that come later."`
	Domain    domainCommands `cmd:"" help:"Banned domains of mail."`
	Phrase    phraseCommands `cmd:"" help:"Banned phrases."`
	Alt       altSet         `cmd:"" help:"Say that an account belongs to somebody who has another one, and does not log in."`
	Shadowban shadowbanSet   `cmd:"" help:"Have nobody hear a user, without telling."`
	Check     checkUser      `cmd:"" help:"Look whether a ban is meant for a user, as automod does after a login."`
	Log       auditLog       `cmd:"" help:"Print the audit log."`
}

// by is in whose name something is done.
type by struct {
	By string `placeholder:"NAME" help:"Account of the moderator in whose name it is done."`
}

type actionAdd struct {
	config.Config `embed:""`
	by            `embed:""`
	User          string   `arg:"" help:"Name of the user."`
	Restrict      []string `required:"" placeholder:"NAME" help:"Restriction, such as 'All chat'; several with commas."`
	Reason        string   `required:"" placeholder:"TEXT" help:"Why; the user is told."`
	For           string   `required:"" placeholder:"TIME" help:"How long: '7 days', a date, or 'never' if it does not end."`
	Notes         string   `placeholder:"TEXT" help:"For moderators only."`
	Hidden        bool     `help:"Others are not told of it."`
	Report        int64    `placeholder:"ID" help:"The report of which it comes, which is closed."`
}

func (c *actionAdd) Run(ctx context.Context, stdout io.Writer) error {
	return app.AddAction(ctx, c.Config, app.NewAction{
		User: c.User, Restrict: c.Restrict, Reason: c.Reason, For: c.For, Notes: c.Notes, Hidden: c.Hidden, Report: c.Report, By: c.By,
	}, stdout)
}

// listFlags are those of lists.
type listFlags struct {
	All  bool `help:"Also those that are over."`
	JSON bool `name:"json" help:"Print JSON."`
}

type actionList struct {
	config.Config `embed:""`
	listFlags     `embed:""`
	User          string `arg:"" optional:"" help:"Name of the user; without it those of all."`
}

func (c *actionList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListActions(ctx, c.Config, c.User, c.All, c.JSON, stdout)
}

type actionRevoke struct {
	config.Config `embed:""`
	by            `embed:""`
	ID            int64  `arg:"" help:"Number of the action."`
	Reason        string `placeholder:"TEXT" help:"Why."`
}

func (c *actionRevoke) Run(ctx context.Context, stdout io.Writer) error {
	return app.RevokeAction(ctx, c.Config, c.ID, c.Reason, c.By, stdout)
}

type reportList struct {
	config.Config `embed:""`
	listFlags     `embed:""`
	User          string `arg:"" optional:"" help:"Name of the user whom they are about; without it all."`
}

func (c *reportList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListReports(ctx, c.Config, c.User, c.All, c.JSON, stdout)
}

type reportClose struct {
	config.Config `embed:""`
	by            `embed:""`
	ID            int64 `arg:"" help:"Number of the report."`
	Action        int64 `placeholder:"ID" help:"The action that came of it."`
}

func (c *reportClose) Run(ctx context.Context, stdout io.Writer) error {
	return app.CloseReport(ctx, c.Config, c.ID, c.Action, c.By, stdout)
}

type banAdd struct {
	config.Config `embed:""`
	by            `embed:""`
	User          string   `placeholder:"NAME" help:"User who is banned for ever, with the keys it was seen by."`
	WithAddress   bool     `name:"with-address" help:"Also with the addresses it came from, as keys."`
	Key           []string `placeholder:"KEY" help:"Key; several with commas." sep:","`
	Address       []string `placeholder:"ADDRESS" help:"Address or prefix, such as 192.0.2.0/24; several with commas."`
	Reason        string   `required:"" placeholder:"TEXT" help:"Why."`
}

func (c *banAdd) Run(ctx context.Context, stdout io.Writer) error {
	return app.AddBan(ctx, c.Config, app.NewBan{
		User: c.User, WithAddress: c.WithAddress, Keys: c.Key, Addresses: c.Address, Reason: c.Reason, By: c.By,
	}, stdout)
}

type banList struct {
	config.Config `embed:""`
	listFlags     `embed:""`
}

func (c *banList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListBans(ctx, c.Config, c.All, c.JSON, stdout)
}

type banRemove struct {
	config.Config `embed:""`
	by            `embed:""`
	ID            int64 `arg:"" help:"Number of the ban."`
}

func (c *banRemove) Run(ctx context.Context, stdout io.Writer) error {
	return app.RemoveBan(ctx, c.Config, c.ID, c.By, stdout)
}

type altSet struct {
	config.Config `embed:""`
	by            `embed:""`
	User          string `arg:"" help:"Name of the account."`
	Of            string `placeholder:"NAME" help:"The account that counts; without it the mark is taken away."`
}

func (c *altSet) Run(ctx context.Context, stdout io.Writer) error {
	return app.SetAlt(ctx, c.Config, c.User, c.Of, c.By, stdout)
}

type shadowbanSet struct {
	config.Config `embed:""`
	by            `embed:""`
	User          string `arg:"" help:"Name of the user."`
	Off           bool   `help:"Take it away."`
}

func (c *shadowbanSet) Run(ctx context.Context, stdout io.Writer) error {
	return app.SetShadowban(ctx, c.Config, c.User, !c.Off, c.By, stdout)
}

type checkUser struct {
	config.Config `embed:""`
	User          string `arg:"" help:"Name of the user."`
}

func (c *checkUser) Run(ctx context.Context, stdout io.Writer) error {
	return app.CheckUser(ctx, c.Config, c.User, stdout)
}

type auditLog struct {
	config.Config `embed:""`
	by            `embed:""`
	Action        string `placeholder:"NAME" help:"Only these, such as 'Moderation:Action created'."`
	Limit         int    `default:"100" help:"How many at most."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

func (c *auditLog) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListAudit(ctx, c.Config, app.Audit{Action: c.Action, By: c.By, Most: c.Limit}, c.JSON, stdout)
}
