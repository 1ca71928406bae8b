package wire

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

var (
	// ErrArguments says that the arguments of a command do not fit. The answer is AppendNoMatch.
	ErrArguments = errors.New("arguments do not fit the command")
	// ErrIgnored is an ErrArguments to which nothing is answered.
	ErrIgnored = fmt.Errorf("nothing to answer: %w", ErrArguments)
)

// Spec describes a command that clients send.
type Spec struct {
	Name        string
	BeforeLogin bool   // allowed before login
	InBattle    bool   // outside a battle nothing is answered, whatever the arguments
	Form        string // of the arguments: word, {sentence}, <tab>, [optional]
	Example     string // arguments that decode
	// Decode makes the request (a struct of this package, never a pointer) of the
	// arguments, or returns ErrArguments or ErrIgnored.
	Decode func(args string) (any, error)
}

// Commands are the commands that are implemented, by name. Names are
// case-sensitive. Every other command is answered with AppendNoMatch.
var Commands = index(accountCommands, chatCommands, friendCommands, battleCommands, forceCommands, toldCommands, telemetryCommands, partyCommands, matchmakingCommands, moderationCommands, userCommands)

// Names lists the names of Commands in order.
func Names() []string { return slices.Sorted(maps.Keys(Commands)) }

func index(groups ...[]Spec) map[string]Spec {
	m := map[string]Spec{}
	for _, group := range groups {
		for _, spec := range group {
			if _, dup := m[spec.Name]; dup {
				panic("wire: command twice: " + spec.Name)
			}
			m[spec.Name] = spec
		}
	}
	return m
}

// silentGroups are commands that are not implemented and to which nothing is answered
// after login: clients send them unasked.
var silentGroups = []string{"c.matchmaking.", "c.party."}

// Silent reports a command that is not in Commands and yet is answered with
// nothing, not with AppendNoMatch or, before login, AppendUnauthenticated.
func Silent(command string, loggedIn bool) bool {
	if _, implemented := Commands[command]; implemented {
		return false
	}
	return loggedIn && slices.ContainsFunc(silentGroups, func(group string) bool {
		return strings.HasPrefix(command, group)
	})
}

// decode is the type of Spec.Decode.
type decode = func(args string) (any, error)

// plain decodes a command whose arguments do not matter.
func plain(request any) decode {
	return func(string) (any, error) { return request, nil }
}

// all decodes a command that takes its arguments as one text, also an empty one.
func all[T any](request func(text string) T) decode {
	return func(args string) (any, error) { return request(args), nil }
}

// some is all for a command that ignores empty arguments.
func some[T any](request func(text string) T) decode {
	return func(args string) (any, error) {
		if args == "" {
			return nil, ErrIgnored
		}
		return request(args), nil
	}
}

// formed decodes a command by the form of its arguments, see fit.
func formed[T any](form string, request func(f [9]string) (T, bool)) decode {
	return func(args string) (any, error) {
		fields, ok := fit(args, form)
		if !ok {
			return nil, ErrArguments
		}
		r, ok := request(fields)
		if !ok {
			return nil, ErrArguments
		}
		return r, nil
	}
}
