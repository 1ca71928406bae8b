package setting

import (
	"fmt"
	"strings"
)

// Address is an e-mail address, or empty.
var Address = Form[string]{
	Name: "an e-mail address",
	Parse: func(text string) (string, error) {
		text = strings.TrimSpace(text)
		if text != "" && (strings.Count(text, "@") != 1 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' })) {
			return "", fmt.Errorf("%q is no e-mail address", text)
		}
		return text, nil
	},
	Print: func(v string) string { return v },
}

// What accounts go by. docs/accounts.md
var (
	SiteName = Define("site.name", "Teiserver", Text,
		"Name of the site or the game, as mail says it.")
	AgreementVersion = Define("account.agreement_version", 0, Int(0, 1_000_000),
		"Version of the agreement. Who has accepted an older one is shown account.agreement_again at the next login and has to confirm; bots are not asked. 0: nobody is asked again.")
	AgreementAgain = Define("account.agreement_again", []string{
		"Our terms of service or the code of conduct have changed. Please read them again. Then confirm below if you agree to them; no code is needed.",
	}, Lines, "What a user is shown who has to accept a newer agreement.")
	CodeHours = Define("account.code_hours", 72, Int(1, 8760),
		"Hours for which a code counts that was mailed. With a later login of an unverified user another one is mailed.")
	CodeTries = Define("account.code_tries", 20, Int(1, 1000),
		"Wrong verification codes after which another one is made and mailed.")
	ResendMinutes = Define("account.resend_minutes", 10, Int(1, 10080),
		"Minutes after which an unverified user who logs in is mailed the code again.")
	ResetHours = Define("account.reset_hours", 24, Int(1, 720),
		"Hours for which the link of a mail sets a password anew. Until then no other one is mailed.")
	LettersPerAddress = Define("account.letters_per_address", 20, Int(0, 1_000_000),
		"Letters that one address is sent in a day before codes and links to it are not sent any more; notices are. 0: any number.")
	Renames = Define("account.renames", true, Bool,
		"Users may give themselves another name.")
	ReviewNetworks = Define("account.review_networks", nil, Networks,
		"Who registers from one of these addresses, such as those of VPNs, is not verified by the code alone: a moderator has to do it.")
	ReviewAddress = Define("account.review_address", "", Address,
		"The e-mail address that users write to who have to be verified by a moderator.")
)
