package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/setting"
)

// town is everybody whom a Desk asks.
type town struct {
	users   []*account.User
	codes   []GiveCode
	parties [][]int64
	left    []int64
}

func (w *town) UserByID(_ context.Context, id int64) (*account.User, error) {
	for _, u := range w.users {
		if u.ID == id {
			return u, nil
		}
	}
	return nil, nil
}

func (w *town) UserByName(_ context.Context, name string) (*account.User, error) {
	for _, u := range w.users {
		if strings.EqualFold(u.Name, name) {
			return u, nil
		}
	}
	return nil, nil
}

func (w *town) Skills(context.Context, int64) ([]Skill, error) {
	return []Skill{{"Team", 11.456, 3}, {"Duel", 0, -1.239}}, nil
}

func (w *town) Accolades(_ context.Context, user int64) ([]Badge, error) {
	if user == 13 {
		return nil, nil
	}
	return []Badge{{"MVP", 3}}, nil
}

func (w *town) Restricted(_ context.Context, user int64) ([]string, error) {
	if user == 13 {
		return []string{"Griefing"}, nil
	}
	return nil, nil
}

func (w *town) Actions(_ context.Context, user int64) ([]Action, error) {
	switch user {
	case 13:
		return []Action{
			{Reason: "Spam", Restrictions: []string{RestrictBridging}},
			{Reason: "Seen", Restrictions: []string{RestrictNote}},
			{Reason: "Griefing", Restrictions: []string{RestrictWarning}},
			{Reason: "Boosting", Restrictions: []string{"Rated games"}, Expires: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)},
		}, nil
	case 14:
		return []Action{{Reason: "Shouting", Restrictions: []string{RestrictAllChat, RestrictWarning}}}, nil
	case 15:
		return []Action{{Reason: "Spam", Restrictions: []string{RestrictBridging}}}, nil
	}
	return nil, nil
}

func (w *town) Smurfs(_ context.Context, user int64) ([]string, error) {
	if user == 13 {
		return []string{"Fra", "Frank2"}, nil
	}
	return nil, nil
}

func (w *town) Stat(_ context.Context, user int64, key string) (string, bool, error) {
	if user == 13 {
		return "", false, errors.New("no store")
	}
	text, ok := map[string]string{FactLobbyMinutes: "125"}[key]
	return text, ok, nil
}

func (w *town) FormerNames(_ context.Context, user int64, now string) ([]string, error) {
	if user == 13 || now != "Erin" {
		return nil, nil
	}
	return []string{"Old", "Older"}, nil
}

func (w *town) Linked(_ context.Context, user int64) (bool, error) { return user == 13, nil }
func (w *town) Enabled(context.Context) bool                       { return true }

func (w *town) Put(_ context.Context, users ...int64) error {
	w.parties = append(w.parties, users)
	return nil
}

func (w *town) Remove(_ context.Context, user int64) error {
	w.left = append(w.left, user)
	return nil
}

func (w *town) Call(_ context.Context, key registry.Key, command any) (any, error) {
	if key.String() != "coordinator/main" {
		return nil, errors.New("another process")
	}
	w.codes = append(w.codes, command.(GiveCode))
	return nil, nil
}

func newTown() *town {
	return &town{users: []*account.User{
		{ID: 12, Name: "Erin", Rank: 2, PlayMinutes: 185, SpectateMinutes: 59},
		{ID: 13, Name: "Frank"},
		{ID: 9, Name: "Moddy", Rank: 6, Roles: []account.Role{account.Moderator}},
		{ID: 2, Name: "Coordinator", Roles: Account.Roles},
	}}
}

func (w *town) desk() *Desk {
	return &Desk{
		Accounts: w, Settings: setting.Fixed(map[string]string{"discord.link": "https://discord.example/x"}), Processes: w,
		Ratings: w, Accolades: w, Moderation: w, Facts: w, Names: w, Discord: w, Parties: w, Log: slog.New(slog.DiscardHandler),
	}
}

func (w *town) alone() *Desk {
	return &Desk{Accounts: w, Settings: setting.Fixed(nil), Processes: w, Log: slog.New(slog.DiscardHandler)}
}

// made hides what is made up for each answer.
var made = regexp.MustCompile(`-[0-9]{6}$|login/\S+`)

func TestDesk(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text  string
		by    int
		alone bool
		want  []string
		act   any
	}{
		"whoami": {"$whoami", 0, false, []string{
			"---------------------------",
			"You are Erin",
			"6 total hours (3 h playing, 0 h spectating, 2 h in lobby)",
			"Profile link: https://localhost/profile/12",
			"Chevron level: 3",
			"Skill ratings:",
			"Duel > Game: 0.00, Leaderboard: -1.24",
			"Team > Game: 11.46, Leaderboard: 3.00",
			"Your accolades are as follows:",
			">> 3x MVP",
		}, nil},
		"whoami, nothing known": {"$whoami", 1, true, []string{
			"---------------------------",
			"You are Frank",
			"0 total hours (0 h playing, 0 h spectating, 0 h in lobby)",
			"Profile link: https://localhost/profile/13",
			"Chevron level: 1",
			"Skill ratings:",
			"You currently have no accolades",
		}, nil},
		"whois": {"$whois erin", 1, false, []string{
			"---------------------------",
			"Found Erin",
			"Previous names: Old, Older",
			"Profile link: https://localhost/profile/12",
			"Chevron level: 3",
			"Ratings:",
			"Duel > Game: 0.00, Leaderboard: -1.24",
			"Team > Game: 11.46, Leaderboard: 3.00",
			"No moderation restrictions applied.",
			"---------------------------",
		}, nil},
		"whois, by a moderator": {"$whois Frank", 2, false, []string{
			"---------------------------",
			"Found Frank",
			"Profile link: https://localhost/profile/13",
			"Chevron level: 1",
			"Ratings:",
			"Duel > Game: 0.00, Leaderboard: -1.24",
			"Team > Game: 11.46, Leaderboard: 3.00",
			"This user currently has one or more restrictions applied to their account because:",
			"Griefing",
			"---------------------------",
			"Found smurfs named: Fra, Frank2",
			"They currently have no accolades",
		}, nil},
		"whois nobody":  {"$whois Nobody99", 0, false, []string{"Unable to find a user with that name"}, nil},
		"whois, empty":  {"$whois", 0, false, []string{"Unable to find a user with that name"}, nil},
		"help of one":   {"$help status", 0, false, []string{"$status", "Status info about the battle lobby."}, nil},
		"help of none":  {"$help lock", 0, false, []string{"No commands matching that filter."}, nil},
		"conduct":       {"$coc PAUSING", 0, false, []string{"2.4 - Pausing at inappropriate moments or unpausing when someone is disconnected"}, nil},
		"conduct, none": {"$coc xyz", 0, false, []string{"No matches for 'xyz'"}, nil},
		"discord": {"$discord", 0, false, []string{
			"---------------------------",
			"To link your discord account, send a private message to Teiserver Bot on the BAR discord with the message:",
			"$discord 12(made)",
			"This code will expire after 5 minutes",
			"The discord link is: https://discord.example/x",
		}, nil},
		"discord, linked":  {"$discord", 1, false, []string{"You already have a discord account linked; the discord link is: https://discord.example/x"}, nil},
		"discord, no link": {"$discord", 0, true, nil, nil},
		"website": {"$website", 0, false, []string{
			"Your one-time login link is https://localhost/one_time_(made) it will expire in 5 minutes and must be accessed from the same IP you are accessing the game.",
		}, nil},
		"website, privileged": {"$website", 2, false, []string{
			"Your role contains one or more privileged roles, you will need to manually login to the site at https://localhost",
		}, nil},
		"mute": {"$mute frank", 0, false, []string{
			"Frank is now ignored, you can unmute them with the $unignore command or via the account section of the server website.",
		}, "ignore Frank"},
		"ignore a moderator": {"$ignore Moddy", 0, false, []string{"You cannot mute this user."}, nil},
		"ignore the server":  {"$ignore Coordinator", 0, false, []string{"You cannot mute this user."}, nil},
		"ignore nobody":      {"$ignore who", 0, false, []string{"I am unable to find a user by the name of 'who'"}, nil},
		"unmute":             {"$unmute Frank", 0, false, []string{"Frank is now un-ignored."}, "hear Frank"},
		"modme, entitled":    {"$modme", 2, false, nil, SetModerator{On: true}},
		"modme, not":         {"$modme", 0, false, nil, nil},
		"unmodme":            {"$unmodme", 2, false, nil, SetModerator{}},
		"broadcast":          {"$broadcast  hi all", 2, false, nil, Broadcast{Text: "hi all"}},
		"broadcast nothing":  {"$broadcast", 2, false, nil, nil},
		"modparty":           {"$modparty Erin frank Erin", 2, false, nil, "party 12 13"},
		"modparty, nobody":   {"$modparty Erin who", 2, false, []string{"Unable to find a user 'who'"}, nil},
		"modparty, none":     {"$modparty Erin", 2, true, []string{"I don't have a handler for the command 'modparty'"}, nil},
		"unparty":            {"$unparty Erin Frank", 2, false, nil, "leave 12 13"},
		"unknown":            {"$check Frank", 2, false, []string{"I don't have a handler for the command 'check'"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown()
			d := w.desk()
			if tc.alone {
				d = w.alone()
			}
			task, ok := Parse(tc.text)
			if !ok {
				t.Fatalf("%q is no command", tc.text)
			}
			u := w.users[tc.by]
			done, err := d.Do(t.Context(), task, Asker{User: u, IP: "1.2.3.4", Moderator: u.Moderates()})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range done.Lines {
				got = append(got, made.ReplaceAllString(line, "(made)"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			act := done.Act
			if ig, is := act.(SetIgnore); is {
				act = map[bool]string{true: "ignore ", false: "hear "}[ig.On] + ig.Other.Name
			}
			if w.parties != nil {
				act = "party 12 13"
				if diff := cmp.Diff([][]int64{{12, 13}}, w.parties); diff != "" {
					t.Error(diff)
				}
			}
			if w.left != nil {
				act = "leave 12 13"
				if diff := cmp.Diff([]int64{12, 13}, w.left); diff != "" {
					t.Error(diff)
				}
			}
			if act != tc.act {
				t.Errorf("act %v, want %v", act, tc.act)
			}
			for _, c := range w.codes {
				if c.User != 12 || !strings.Contains(strings.Join(done.Lines, "\n"), c.Code) || (c.Purpose == LogIn) != (c.IP == "1.2.3.4") {
					t.Errorf("code %+v kept for %q", c, done.Lines)
				}
			}
		})
	}
}

func TestHelpLists(t *testing.T) {
	t.Parallel()
	has := func(list []string, line string) bool {
		for _, l := range list {
			if l == line {
				return true
			}
		}
		return false
	}
	player, host, moderator := Help("", false, false), Help("", false, true), Help("", true, false)
	if player[0] != "" || player[1] != "$help" || player[len(player)-1] != "" {
		t.Errorf("the list begins %q and ends %q", player[:2], player[len(player)-1])
	}
	for line, want := range map[string][3]bool{
		"$resetchevlevels":  {true, true, true},
		"$forcespec <user>": {false, true, true},
		"$pull <user>":      {false, false, true},
	} {
		if got := [3]bool{has(player, line), has(host, line), has(moderator, line)}; got != want {
			t.Errorf("%s is shown to player, host, moderator: %v, want %v", line, got, want)
		}
	}
}

func TestWelcome(t *testing.T) {
	t.Parallel()
	dispute := textDispute
	for name, tc := range map[string]struct {
		user     int64
		client   string
		settings map[string]string
		want     []string
		ack      bool
	}{
		"nothing to say": {12, "Chobby", nil, nil, false},
		"login message":  {12, "Chobby", map[string]string{"coordinator.login_message": `Tournament today\nCome all`}, []string{"Tournament today", "Come all"}, false},
		"skylobby":       {12, "skylobby-0.10", nil, []string{textSkylobby}, false},
		"warned": {13, "Chobby", nil, []string{
			"This is a reminder that you received one or more formal moderation actions as listed below:",
			" - Griefing",
			" - Boosting, expires 2031-02-03 04:05:06",
			dispute[0], dispute[1],
			"Acknowledge this by typing 'I acknowledge this' to resume play",
		}, true},
		"muted, cannot acknowledge": {14, "Chobby", nil, []string{
			"This is a reminder that you received one or more formal moderation actions as listed below:",
			" - Shouting", dispute[0], dispute[1],
		}, false},
		"only unbridged": {15, "Chobby", nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newTown().desk()
			d.Settings = setting.Fixed(tc.settings)
			g, err := d.Welcome(t.Context(), tc.user, tc.client)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Greeting{Lines: tc.want, Acknowledge: tc.ack}, g); diff != "" {
				t.Errorf("greeting (-want +got):\n%s", diff)
			}
		})
	}
	d := newTown().desk()
	for text, want := range map[string]bool{"I acknowledge this": true, " i ACKNOWLEDGE this ": true, "I acknowledge that": false, "": false} {
		if got := d.Acknowledges(t.Context(), text); got != want {
			t.Errorf("%q acknowledges: %v", text, got)
		}
	}
}
