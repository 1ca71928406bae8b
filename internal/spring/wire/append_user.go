package wire

import "strconv"

// AppendFriendDone answers a command about a friend that was executed. Its name has no group.
func AppendFriendDone(b []byte, command string, user int64) []byte {
	return append(appendAbout(b, command, user), "\tsuccess\n"...)
}

// AppendFriendFailed answers one that was not.
func AppendFriendFailed(b []byte, command string, user int64, reason string) []byte {
	b = append(appendAbout(b, command, user), "\tfailure\t"...)
	return append(appendReason(b, reason), '\n')
}

func appendAbout(b []byte, command string, user int64) []byte {
	b = append(b, "s.user."...)
	b = append(b, command...)
	b = append(b, ' ')
	return strconv.AppendInt(b, user, 10)
}

// What a program shows of everybody: there are no others to choose from.
const (
	icon   = "fa-solid fa-user"
	colour = "#666666" //nolint:misspell // as clients know it
)

// Person is what is told of an account. A country that is not known, or is hidden, is empty.
type Person struct {
	ID      int64
	Name    string
	Country string
}

type person struct {
	ID      int64  `json:"id,omitempty"`
	Name    string `json:"name"`
	Country string `json:"country"`
	Icon    string `json:"icon"`
	Colour  string `json:"colour"` //nolint:misspell // as clients know it
}

// nobody is said instead.
type nobody struct {
	Error string `json:"error"`
}

// AppendWhois answers c.user.whois; of nobody, that there is none.
func AppendWhois(b []byte, asked int64, p *Person) []byte {
	b = append(appendAbout(b, "whois", asked), ' ')
	return append(appendPerson(b, p, false), '\n')
}

// AppendWhoisName answers c.user.whoisName, with the name as it is written, or as it was
// asked for if nobody has it.
func AppendWhoisName(b []byte, asked string, p *Person) []byte {
	if p != nil {
		asked = p.Name
	}
	b = append(b, "s.user.whoisName "...)
	b = append(appendWord(b, asked), ' ')
	return append(appendPerson(b, p, true), '\n')
}

func appendPerson(b []byte, p *Person, withID bool) []byte {
	if p == nil {
		return append64(b, nobody{"user not found"})
	}
	told := person{Name: p.Name, Country: p.Country, Icon: icon, Colour: colour} //nolint:misspell // as clients know it
	if withID {
		told.ID = p.ID
	}
	if told.Country == "" {
		told.Country = "??"
	}
	return append64(b, told)
}

// Relationships are what a user has with others.
type Relationships struct {
	Blocks   []int64 `json:"blocks"`
	Friends  []int64 `json:"friends"`
	Avoids   []int64 `json:"avoids"` // also those of Blocks
	Follows  []int64 `json:"follows"`
	Ignores  []int64 `json:"ignores"`
	Incoming []int64 `json:"incoming_friend_requests"`
	Outgoing []int64 `json:"outgoing_friend_requests"`
}

// AppendRelationships answers c.user.list_relationships. Each list is there, also an empty one.
func AppendRelationships(b []byte, r Relationships) []byte {
	for _, list := range []*[]int64{&r.Blocks, &r.Friends, &r.Avoids, &r.Follows, &r.Ignores, &r.Incoming, &r.Outgoing} {
		if *list == nil {
			*list = []int64{}
		}
	}
	return append(append64(append(b, "s.user.list_relationships "...), r), '\n')
}

// AppendRelated answers a command about a user of a name: OK, or NO and why, which may be
// nothing.
func AppendRelated(b []byte, command, name string, ok bool, reason string) []byte {
	if ok {
		b = append(b, "OK cmd="...)
	} else {
		b = append(b, "NO cmd="...)
	}
	b = append(b, command...)
	b = append(b, "\tuserName="...)
	b = appendField(b, name)
	if reason != "" {
		b = appendField(append(b, ' '), reason)
	}
	return append(b, '\n')
}

// AppendRelatedByID answers one about a user of a number.
func AppendRelatedByID(b []byte, kind string, user int64, ok bool, reason string) []byte {
	b = appendAbout(b, kind+"_by_id", user)
	if ok {
		return append(b, "\tsuccess\n"...)
	}
	if reason == "" {
		reason = "No message"
	}
	b = append(b, "\terror\t"...)
	return append(appendField(b, reason), '\n')
}

// AppendCloseness answers c.user.closeness.
func AppendCloseness(b []byte, name string, known bool, kind string) []byte {
	const command = "c.user.closeness"
	switch {
	case !known:
		return AppendRelated(b, command, name, false, "no user")
	case kind == "":
		return AppendRelated(b, command, name, false, "no cond match")
	}
	b = append(b, "s.user.closeness userName="...)
	b = append(appendField(b, name), '\t')
	return append(append(b, kind...), '\n')
}
