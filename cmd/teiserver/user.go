package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"teiserver/internal/app"
	"teiserver/internal/config"
)

// userCommands are those of "user".
type userCommands struct {
	Add      userAdd      `cmd:"" help:"Make an account."`
	List     userList     `cmd:"" help:"Print accounts."`
	Show     userShow     `cmd:"" help:"Print all that is known of an account."`
	Password userPassword `cmd:"" name:"set-password" help:"Set a password, or mail a link by which the user sets it; sessions end."`
	Role     userRole     `cmd:"" help:"Give and take roles; the session ends, as what it may do was decided at its login."`
	Rename   userRename   `cmd:"" help:"Give an account another name, without the limits of users; the session ends."`
	Email    userEmail    `cmd:"" help:"Give an account another e-mail address."`
	Verify   userVerify   `cmd:"" help:"Verify an account without its code, or mail the code again."`
	Shown    userShown    `cmd:"" help:"Set what others see of a user: country and rank."`
	Setting  userSetting  `cmd:"" help:"Print the settings of a user, or set one."`
	Forget   userForget   `cmd:"" help:"Take the person out of an account: matches and ratings stay, under a name that says nothing."`
	Delete   userDelete   `cmd:"" help:"Delete an account that nobody else has to do with."`
	Mail     userMail     `cmd:"" help:"Print the letters that were mailed, or wait."`
}

type userAdd struct {
	config.Config `embed:""`
	Name          string        `arg:"" help:"Name of the account."`
	Password      config.Secret `env:"TEISERVER_USER_PASSWORD" placeholder:"TEXT" help:"Password; - reads it from standard input; without it one is made and printed."`
	Email         string        `placeholder:"ADDRESS" help:"E-mail address."`
	Role          string        `placeholder:"ROLE" help:"Role, like admin or bot; several with commas."`
}

func (c *userAdd) Run(ctx context.Context, stdout io.Writer) error {
	password, made, err := readPassword(c.Password)
	if err != nil {
		return err
	}
	if err := app.AddUser(ctx, c.Config, app.NewUser{Name: c.Name, Password: password, Email: c.Email, Role: c.Role}); err != nil {
		return err
	}
	if made {
		_, err = fmt.Fprintf(stdout, "user %s added, password %s\n", c.Name, password)
	} else {
		_, err = fmt.Fprintf(stdout, "user %s added\n", c.Name)
	}
	return err
}

// readPassword is the password that was given, of standard input, or made.
func readPassword(given config.Secret) (text string, made bool, err error) {
	switch given {
	case "":
		return rand.Text(), true, nil
	case "-":
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			if err != nil && !errors.Is(err, io.EOF) {
				return "", false, fmt.Errorf("read password: %w", err)
			}
			return "", false, errors.New("no password on standard input")
		}
		return line, false, nil
	default:
		return given.Reveal(), false, nil
	}
}

type userList struct {
	config.Config `embed:""`
	Text          string `arg:"" optional:"" help:"A part of the name, of an earlier name, or of the address; without it all."`
	Role          string `placeholder:"ROLE" help:"Only those with this role."`
	Unverified    bool   `help:"Only those that wait for their code."`
	After         int64  `placeholder:"ID" help:"Only numbers above this one, to go on with a long list."`
	Limit         int    `default:"100" help:"How many at most."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

func (c *userList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListUsers(ctx, c.Config, app.UserList{
		Text: c.Text, Role: c.Role, Unverified: c.Unverified, After: c.After, Most: c.Limit,
	}, c.JSON, stdout)
}

// named is the account that a command is about.
type named struct {
	Name string `arg:"" help:"Name of the account."`
}

type userShow struct {
	config.Config `embed:""`
	named         `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *userShow) Run(ctx context.Context, stdout io.Writer) error {
	return app.ShowUser(ctx, c.Config, c.Name, c.JSON, stdout)
}

type userPassword struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Password      config.Secret `env:"TEISERVER_USER_PASSWORD" placeholder:"TEXT" help:"Password; - reads it from standard input; without it one is made and printed."`
	Link          bool          `help:"Set none, but mail a link by which the user does it."`
}

func (c *userPassword) Run(ctx context.Context, stdout io.Writer) error {
	if c.Link {
		return app.MailReset(ctx, c.Config, c.Name, c.By, stdout)
	}
	password, made, err := readPassword(c.Password)
	if err != nil {
		return err
	}
	if err := app.SetPassword(ctx, c.Config, c.Name, password, c.By); err != nil {
		return err
	}
	if made {
		_, err = fmt.Fprintf(stdout, "user %s has the password %s\n", c.Name, password)
	}
	return err
}

type userRole struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Give          []string `placeholder:"ROLE" help:"Role to give; several with commas."`
	Take          []string `placeholder:"ROLE" help:"Role to take; several with commas."`
}

func (c *userRole) Run(ctx context.Context, stdout io.Writer) error {
	return app.SetRoles(ctx, c.Config, c.Name, c.Give, c.Take, c.By, stdout)
}

type userRename struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	To            string `arg:"" help:"New name."`
}

func (c *userRename) Run(ctx context.Context, stdout io.Writer) error {
	return app.RenameUser(ctx, c.Config, c.Name, c.To, c.By, stdout)
}

type userEmail struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Address       string `arg:"" help:"New address."`
}

func (c *userEmail) Run(ctx context.Context) error {
	return app.SetEmail(ctx, c.Config, c.Name, c.Address, c.By)
}

type userVerify struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Resend        bool `help:"Do not verify, but mail the code again."`
}

func (c *userVerify) Run(ctx context.Context, stdout io.Writer) error {
	return app.VerifyUser(ctx, c.Config, c.Name, c.Resend, c.By, stdout)
}

type userShown struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Country       *string `placeholder:"CODE" help:"Country in place of that of the address; empty: that of the address."`
	Rank          *int    `placeholder:"N" help:"Rank from 0 to 7 in place of the one that was earned; -1: that one."`
}

func (c *userShown) Run(ctx context.Context) error {
	return app.SetShown(ctx, c.Config, c.Name, app.Shown{Country: c.Country, Rank: c.Rank}, c.By)
}

type userSetting struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Key           string `arg:"" optional:"" help:"Name of the setting; without it all."`
	Value         string `arg:"" optional:"" help:"New value."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

func (c *userSetting) Run(ctx context.Context, stdout io.Writer) error {
	return app.UserSettings(ctx, c.Config, c.Name, c.Key, c.Value, c.By, c.JSON, stdout)
}

type userForget struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Yes           bool `help:"Do it: it cannot be undone."`
}

func (c *userForget) Run(ctx context.Context, stdout io.Writer) error {
	return app.ForgetUser(ctx, c.Config, c.Name, false, c.Yes, c.By, stdout)
}

type userDelete struct {
	config.Config `embed:""`
	named         `embed:""`
	by            `embed:""`
	Yes           bool `help:"Do it: it cannot be undone."`
}

func (c *userDelete) Run(ctx context.Context, stdout io.Writer) error {
	return app.ForgetUser(ctx, c.Config, c.Name, true, c.Yes, c.By, stdout)
}

type userMail struct {
	config.Config `embed:""`
	Name          string `arg:"" optional:"" help:"Name of the account; without it those to all."`
	Waiting       bool   `help:"Only those that wait."`
	Limit         int    `default:"100" help:"How many at most."`
	JSON          bool   `name:"json" help:"Print JSON."`
}

func (c *userMail) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListMail(ctx, c.Config, app.MailList{User: c.Name, Waiting: c.Waiting, Most: c.Limit}, c.JSON, stdout)
}

// domainCommands are those of "moderation domain".
type domainCommands struct {
	Add    domainAdd    `cmd:"" help:"Ban domains of mail, and those below them: nobody registers with them."`
	List   domainList   `cmd:"" help:"Print the banned domains."`
	Remove domainRemove `cmd:"" help:"Take a domain off the list."`
}

type domainAdd struct {
	config.Config `embed:""`
	by            `embed:""`
	Domain        []string `arg:"" optional:"" help:"Domain, like example.com."`
	File          string   `placeholder:"FILE" help:"File with a domain in each line; - is the standard input."`
}

func (c *domainAdd) Run(ctx context.Context, stdout io.Writer) error {
	return app.AddDomains(ctx, c.Config, c.Domain, c.File, c.By, stdout)
}

type domainList struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *domainList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListDomains(ctx, c.Config, c.JSON, stdout)
}

type domainRemove struct {
	config.Config `embed:""`
	by            `embed:""`
	Domain        string `arg:"" help:"Domain."`
}

func (c *domainRemove) Run(ctx context.Context) error {
	return app.RemoveDomain(ctx, c.Config, c.Domain, c.By)
}

// phraseCommands are those of "moderation phrase".
type phraseCommands struct {
	Add    phraseAdd    `cmd:"" help:"Ban a phrase from names, and from what is said."`
	List   phraseList   `cmd:"" help:"Print the banned phrases."`
	Remove phraseRemove `cmd:"" help:"Take a phrase off the list."`
}

type phraseAdd struct {
	config.Config `embed:""`
	by            `embed:""`
	Phrase        string `arg:"" help:"Phrase."`
	Form          string `default:"raw" enum:"raw,fuzzy,regex" help:"raw: a text contains it; fuzzy: the same, * stands for anything; regex: a regular expression."`
	Severity      string `default:"low" enum:"low,medium,high" help:"low: in no name; medium: who says it is not bridged to Discord anymore; high: who says it is heard by nobody anymore."`
}

func (c *phraseAdd) Run(ctx context.Context, stdout io.Writer) error {
	return app.AddPhrase(ctx, c.Config, app.Phrase{Text: c.Phrase, Form: c.Form, Severity: c.Severity}, c.By, stdout)
}

type phraseList struct {
	config.Config `embed:""`
	JSON          bool `name:"json" help:"Print JSON."`
}

func (c *phraseList) Run(ctx context.Context, stdout io.Writer) error {
	return app.ListPhrases(ctx, c.Config, c.JSON, stdout)
}

type phraseRemove struct {
	config.Config `embed:""`
	by            `embed:""`
	ID            int64 `arg:"" help:"Number of the phrase."`
}

func (c *phraseRemove) Run(ctx context.Context) error {
	return app.RemovePhrase(ctx, c.Config, c.ID, c.By)
}
