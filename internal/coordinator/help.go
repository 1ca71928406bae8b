package coordinator

import "strings"

// Help is what $help shows: everything that somebody with these rights may use, or one
// command. host is who hosts a lobby.
func Help(filter string, moderator, host bool) []string {
	var found []*entry
	filter = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(filter)), "$")
	for i := range entries {
		e := &entries[i]
		if (filter == "" || e.name == filter) && e.shown(moderator, host) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 0:
		return []string{"No commands matching that filter."}
	case 1:
		return found[0].text()
	}
	var lines []string
	for _, e := range found {
		lines = append(append(lines, ""), e.text()...)
	}
	return append(lines, "")
}

func (e *entry) shown(moderator, host bool) bool {
	switch e.whom {
	case everybody:
		return true
	case hosts:
		return host || moderator
	}
	return moderator
}

func (e *entry) text() []string {
	return append([]string{"$" + e.name + e.args}, e.lines...)
}

// Conduct are the points of the code of conduct that contain a term.
func Conduct(term string) []string {
	var lines []string
	for _, c := range conduct {
		if strings.Contains(strings.ToLower(c.text), strings.ToLower(term)) {
			lines = append(lines, c.point+" - "+c.text)
		}
	}
	if lines == nil {
		return []string{"No matches for '" + term + "'"}
	}
	return lines
}
