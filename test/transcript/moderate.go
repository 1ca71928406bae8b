package transcript

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// restrict has the operator restrict somebody, who may be gone meanwhile.
func restrict(_ context.Context, p *play, who string, args []string) error {
	name, long := strings.CutSuffix(strings.Join(args, " "), " for ever")
	time := "7 days"
	if long {
		time = "never"
	}
	out := string(p.env.Operate(p, "moderation", "action", "add", p.vars[who], "--restrict", name, "--for", time, "--reason", "Bad manners"))
	var id int
	if _, err := fmt.Sscanf(out, "action %d:", &id); err != nil {
		return fmt.Errorf("the operator was told %q", out)
	}
	p.vars["action"] = fmt.Sprint(id)
	return nil
}

func revoke(_ context.Context, p *play, _ string, _ []string) error {
	p.env.Operate(p, "moderation", "action", "revoke", p.vars["action"])
	return nil
}

func alt(_ context.Context, p *play, who string, args []string) error {
	if len(args) != 1 || p.vars[args[0]] == "" {
		return errors.New("whose account is it?")
	}
	p.env.Operate(p, "moderation", "alt", p.vars[who], "--of", p.vars[args[0]])
	return nil
}

func shadowban(_ context.Context, p *play, who string, _ []string) error {
	p.env.Operate(p, "moderation", "shadowban", p.vars[who])
	return nil
}

var codeForm = regexp.MustCompile(`(?m)^ +(\d{6})$`)

// code binds $code to what was mailed to the address with which somebody has registered.
func code(_ context.Context, p *play, _ string, args []string) error {
	if len(args) != 1 || p.vars[args[0]] == "" {
		return errors.New("whose code is it?")
	}
	m := codeForm.FindStringSubmatch(p.env.Mailed(p, p.vars[args[0]]+"@example.com"))
	if m == nil {
		return errors.New("the letter says no code")
	}
	p.vars["code"] = m[1]
	return nil
}
