package coordinator

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/resident"
	"teiserver/internal/setting"
)

// What the Desk asks others for. Each is small, and may be missing: then the answer is
// that there is nothing.
type (
	// Accounts finds people; package account's Service does.
	Accounts interface {
		UserByID(ctx context.Context, id int64) (*account.User, error)
		UserByName(ctx context.Context, name string) (*account.User, error)
	}
	// Ratings are a user's skill.
	Ratings interface {
		Skills(ctx context.Context, user int64) ([]Skill, error) // by name
	}
	// Accolades are what others have thanked a user for.
	Accolades interface {
		Accolades(ctx context.Context, user int64) ([]Badge, error)
	}
	// Moderation is what moderators have done about a user.
	Moderation interface {
		// Actions are those that have not expired, the oldest first.
		Actions(ctx context.Context, user int64) ([]Action, error)
		// Restricted says why a user is restricted, line by line.
		Restricted(ctx context.Context, user int64) ([]string, error)
		// Smurfs are the names of accounts that belong to the same person.
		Smurfs(ctx context.Context, user int64) ([]string, error)
	}
	// Facts are numbers and texts about a user, one per key.
	Facts interface {
		Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error)
	}
	// Names are those that users had before.
	Names interface {
		// FormerNames returns those besides the present one, the oldest first.
		FormerNames(ctx context.Context, user int64, now string) ([]string, error)
	}
	// Discord is the bridge.
	Discord interface {
		Linked(ctx context.Context, user int64) (bool, error)
		Enabled(ctx context.Context) bool
	}
	// Parties puts people together.
	Parties interface {
		// Put makes a party of the first, with the others in it.
		Put(ctx context.Context, users ...int64) error
		Remove(ctx context.Context, user int64) error
	}
	// Processes sends commands; the cluster's runtime does.
	Processes interface {
		Call(ctx context.Context, key registry.Key, command any) (reply any, err error)
	}
)

// Skill is one rating of a user.
type Skill struct {
	Type        string // "Large Team"
	Game        float64
	Leaderboard float64
}

// Badge is a kind of accolade, and how many of it.
type Badge struct {
	Name  string
	Count int
}

// Action is something moderators have done about a user.
type Action struct {
	Reason       string
	Restrictions []string
	Expires      time.Time // zero: never
}

// The restrictions that the Coordinator knows.
const (
	RestrictBridging = "Bridging"
	RestrictNote     = "Note"
	RestrictWarning  = "Warning reminder"
	RestrictAllChat  = "All chat"
)

// Desk carries out Tasks on the node of who asks. It keeps nothing.
type Desk struct {
	Accounts   Accounts
	Settings   *setting.Service
	Processes  Processes
	Ratings    Ratings
	Accolades  Accolades
	Moderation Moderation
	Facts      Facts
	Names      Names
	Discord    Discord
	Parties    Parties
	Log        *slog.Logger
}

// Asker is who sent a command.
type Asker struct {
	User      *account.User
	IP        string
	Moderator bool // in this session
	Host      bool // of the lobby it is in
}

// What the asker's own session has to do, see Done.
type (
	// SetIgnore stops or resumes hearing a user, and then says the lines.
	SetIgnore struct {
		Other *account.User
		On    bool
	}
	// SetModerator gives back the moderator's rights of the session, or drops them.
	SetModerator struct{ On bool }
	// Broadcast says something in every lobby.
	Broadcast struct{ Text string }
)

// Done is what came of a Task: what the Coordinator answers, and what the session does
// before that, if anything.
type Done struct {
	Lines []string
	Act   any
}

const (
	dashes    = "---------------------------"
	textNoOne = "Unable to find a user with that name"
)

// Do carries out a Task, but for those that are a lobby's.
func (d *Desk) Do(ctx context.Context, t Task, by Asker) (Done, error) {
	args := strings.TrimSpace(t.Args)
	switch t.Command {
	case "help":
		return lines(Help(args, by.Moderator, by.Host))
	case "coc":
		return lines(Conduct(args))
	case "whoami":
		return d.whoami(ctx, by)
	case "whois":
		return d.whois(ctx, args, by)
	case "discord":
		return d.discord(ctx, by)
	case "website":
		return d.website(ctx, by)
	case "mute", "ignore":
		return d.ignore(ctx, args, by)
	case "unmute", "unignore":
		return d.unignore(ctx, args)
	case "modme":
		if !by.User.Moderates() {
			return Done{}, nil
		}
		return Done{Act: SetModerator{On: true}}, nil
	case "unmodme":
		return Done{Act: SetModerator{}}, nil
	case "modparty":
		return d.modparty(ctx, strings.Fields(args))
	case "unparty":
		return d.unparty(ctx, strings.Fields(args))
	case "broadcast":
		if args == "" {
			return Done{}, nil
		}
		return Done{Act: Broadcast{Text: args}}, nil
	}
	return lines([]string{fmt.Sprintf("I don't have a handler for the command '%s'", t.Command)})
}

func lines(list []string) (Done, error) { return Done{Lines: list}, nil }

func (d *Desk) link(ctx context.Context, user int64) string {
	return fmt.Sprintf("Profile link: %s/profile/%d", d.Settings.SiteURL(ctx), user)
}

func (d *Desk) whoami(ctx context.Context, by Asker) (Done, error) {
	u := by.User
	if fresh, err := d.Accounts.UserByID(ctx, u.ID); err == nil && fresh != nil {
		u = fresh
	}
	playing, watching, idle := u.PlayMinutes, u.SpectateMinutes, d.number(ctx, u.ID, FactLobbyMinutes)
	say := []string{
		dashes,
		"You are " + u.Name,
		fmt.Sprintf("%d total hours (%d h playing, %d h spectating, %d h in lobby)",
			(playing+watching+idle)/60, playing/60, watching/60, idle/60),
		d.link(ctx, u.ID),
		fmt.Sprintf("Chevron level: %d", u.Rank+1),
		"Skill ratings:",
	}
	skills, err := d.skills(ctx, u.ID)
	if err != nil {
		return Done{}, err
	}
	say = append(say, skills...)
	badges, err := d.badges(ctx, u.ID)
	if err != nil {
		return Done{}, err
	}
	if len(badges) == 0 {
		return lines(append(say, "You currently have no accolades"))
	}
	return lines(append(append(say, "Your accolades are as follows:"), badges...))
}

func (d *Desk) whois(ctx context.Context, name string, by Asker) (Done, error) {
	u, err := d.Accounts.UserByName(ctx, name)
	if err != nil {
		return Done{}, err
	}
	if u == nil || name == "" {
		return lines([]string{textNoOne})
	}
	say := []string{dashes, "Found " + u.Name}
	if d.Names != nil {
		before, err := d.Names.FormerNames(ctx, u.ID, u.Name)
		if err != nil {
			return Done{}, err
		}
		if len(before) > 0 {
			say = append(say, "Previous names: "+strings.Join(before, ", "))
		}
	}
	say = append(say, d.link(ctx, u.ID), fmt.Sprintf("Chevron level: %d", u.Rank+1), "Ratings:")
	skills, err := d.skills(ctx, u.ID)
	if err != nil {
		return Done{}, err
	}
	say = append(say, skills...)
	var reasons, smurfs []string
	if d.Moderation != nil {
		if reasons, err = d.Moderation.Restricted(ctx, u.ID); err != nil {
			return Done{}, err
		}
	}
	if len(reasons) == 0 {
		say = append(say, "No moderation restrictions applied.")
	} else {
		say = append(append(say, "This user currently has one or more restrictions applied to their account because:"), reasons...)
	}
	say = append(say, dashes)
	if !by.Moderator {
		return lines(say)
	}
	if d.Moderation != nil {
		if smurfs, err = d.Moderation.Smurfs(ctx, u.ID); err != nil {
			return Done{}, err
		}
	}
	if len(smurfs) == 0 {
		say = append(say, "No smurfs found")
	} else {
		say = append(say, "Found smurfs named: "+strings.Join(smurfs, ", "))
	}
	badges, err := d.badges(ctx, u.ID)
	if err != nil {
		return Done{}, err
	}
	if len(badges) == 0 {
		return lines(append(say, "They currently have no accolades"))
	}
	return lines(append(append(say, "Accolades as follows:"), badges...))
}

func (d *Desk) skills(ctx context.Context, user int64) (say []string, err error) {
	if d.Ratings == nil {
		return nil, nil
	}
	list, err := d.Ratings.Skills(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read ratings of %d: %w", user, err)
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b Skill) int { return strings.Compare(a.Type, b.Type) })
	for _, s := range list {
		say = append(say, fmt.Sprintf("%s > Game: %.2f, Leaderboard: %.2f", s.Type, s.Game, s.Leaderboard))
	}
	return say, nil
}

func (d *Desk) badges(ctx context.Context, user int64) (say []string, err error) {
	if d.Accolades == nil {
		return nil, nil
	}
	list, err := d.Accolades.Accolades(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read accolades of %d: %w", user, err)
	}
	for _, b := range list {
		say = append(say, fmt.Sprintf(">> %dx %s", b.Count, b.Name))
	}
	return say, nil
}

func (d *Desk) ignore(ctx context.Context, name string, by Asker) (Done, error) {
	u, err := d.Accounts.UserByName(ctx, name)
	if err != nil {
		return Done{}, err
	}
	if u == nil || u.ID == by.User.ID {
		return lines([]string{fmt.Sprintf("I am unable to find a user by the name of '%s'", name)})
	}
	if u.Moderates() || u.Has(account.Server) {
		return lines([]string{"You cannot mute this user."})
	}
	return Done{
		Act:   SetIgnore{Other: u, On: true},
		Lines: []string{u.Name + " is now ignored, you can unmute them with the $unignore command or via the account section of the server website."},
	}, nil
}

func (d *Desk) unignore(ctx context.Context, name string) (Done, error) {
	u, err := d.Accounts.UserByName(ctx, name)
	if err != nil {
		return Done{}, err
	}
	if u == nil {
		return lines([]string{fmt.Sprintf("I am unable to find a user by the name of '%s'", name)})
	}
	return Done{Act: SetIgnore{Other: u}, Lines: []string{u.Name + " is now un-ignored."}}, nil
}

func (d *Desk) discord(ctx context.Context, by Asker) (Done, error) {
	if d.Discord == nil {
		return Done{}, nil
	}
	url := setting.DiscordLink.Get(ctx, d.Settings)
	linked, err := d.Discord.Linked(ctx, by.User.ID)
	if err != nil {
		return Done{}, err
	}
	if linked {
		return lines([]string{"You already have a discord account linked; the discord link is: " + url})
	}
	if !d.Discord.Enabled(ctx) {
		return Done{}, nil
	}
	n, err := rand.Int(rand.Reader, big.NewInt(899_999))
	if err != nil {
		return Done{}, fmt.Errorf("make a code: %w", err)
	}
	code := n.Add(n, big.NewInt(100_001)).String()
	if err := d.give(ctx, GiveCode{Purpose: LinkDiscord, User: by.User.ID, Code: code}); err != nil {
		return Done{}, err
	}
	return lines([]string{
		dashes,
		"To link your discord account, send a private message to Teiserver Bot on the BAR discord with the message:",
		fmt.Sprintf("$discord %d-%s", by.User.ID, code),
		"This code will expire after 5 minutes",
		"The discord link is: " + url,
	})
}

// website gives no link to who could do harm with it: the link logs in without a password.
func (d *Desk) website(ctx context.Context, by Asker) (Done, error) {
	site := d.Settings.SiteURL(ctx)
	if by.User.Moderates() {
		return lines([]string{"Your role contains one or more privileged roles, you will need to manually login to the site at " + site})
	}
	code := rand.Text()
	if err := d.give(ctx, GiveCode{Purpose: LogIn, User: by.User.ID, Code: code, IP: by.IP}); err != nil {
		return Done{}, err
	}
	return lines([]string{fmt.Sprintf(
		"Your one-time login link is %s/one_time_login/%s it will expire in 5 minutes and must be accessed from the same IP you are accessing the game.", site, code)})
}

func (d *Desk) give(ctx context.Context, g GiveCode) error {
	if _, err := d.Processes.Call(ctx, resident.Key(Kind), g); err != nil {
		return fmt.Errorf("keep a code of user %d: %w", g.User, err)
	}
	return nil
}

func (d *Desk) modparty(ctx context.Context, names []string) (Done, error) {
	if d.Parties == nil {
		return lines([]string{"I don't have a handler for the command 'modparty'"})
	}
	users, missing, err := d.named(ctx, names)
	if err != nil || missing != "" || len(users) == 0 {
		return missed(missing), err
	}
	return Done{}, d.Parties.Put(ctx, users...)
}

func (d *Desk) unparty(ctx context.Context, names []string) (Done, error) {
	if d.Parties == nil {
		return lines([]string{"I don't have a handler for the command 'unparty'"})
	}
	users, missing, err := d.named(ctx, names)
	if err != nil || missing != "" {
		return missed(missing), err
	}
	for _, u := range users {
		if err := d.Parties.Remove(ctx, u); err != nil {
			return Done{}, err
		}
	}
	return Done{}, nil
}

func missed(name string) Done {
	if name == "" {
		return Done{}
	}
	return Done{Lines: []string{fmt.Sprintf("Unable to find a user '%s'", name)}}
}

// named finds people; missing is the first name that nobody has.
func (d *Desk) named(ctx context.Context, names []string) (users []int64, missing string, err error) {
	for _, name := range names {
		u, err := d.Accounts.UserByName(ctx, name)
		if err != nil {
			return nil, "", err
		}
		if u == nil {
			return nil, name, nil
		}
		if !slices.Contains(users, u.ID) {
			users = append(users, u.ID)
		}
	}
	return users, "", nil
}
