package accolade

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/resident"
)

// Store keeps questions and accolades.
type Store interface {
	// KeepState stores f.Snapshot, fenced.
	KeepState(ctx context.Context, f registry.Fence) error
	// PutQuestion keeps that a question is about to be put, fenced. The first one of a
	// giver about a match stays.
	PutQuestion(ctx context.Context, f registry.Fence, a Asked) error
	// PutAnswer keeps what became of a question, fenced: its outcome, the accolade, and
	// the misses of the giver, which stay between 0 and MostMisses.
	PutAnswer(ctx context.Context, f registry.Fence, a Answered) error
	// BeginQuestion notes that a question is put now. It is true once, and for the
	// question that was kept.
	BeginQuestion(ctx context.Context, a Asked) (first bool, err error)

	// BadgeTypes lists the types of accolades by name, retired ones too.
	BadgeTypes(ctx context.Context) ([]BadgeType, error)
	// GivenTo lists to whom a user has answered about within age.
	GivenTo(ctx context.Context, giver int64, age time.Duration) ([]int64, error)
	// AccoladesOf counts the badges of a user, by name.
	AccoladesOf(ctx context.Context, user int64) ([]Count, error)
	// Questions lists what was asked about a match, by giver.
	Questions(ctx context.Context, match int64) ([]Question, error)
}

// NewBotKind describes the bot to the cluster. id is that of its account. desk is asked
// each time something is to be done: until it has one that waits.
func NewBotKind(id int64, store Store, desk func() *Desk) process.Kind {
	return resident.Kind(id, Account, process.Kind{
		Name:    Kind,
		Doubt:   process.Freeze,
		Persist: true,
		Purpose: "AccoladesBot: after a match it chooses who is asked about whom, and begins the chats.",
		Origin:  "the one that has processed a match tells of it",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return NewBot(), nil
			}
			return RestoreBot(snapshot)
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error { return write(ctx, store, f, record) },
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			e, ok := effect.(askAbout)
			switch d := desk(); {
			case !ok:
				return nil
			case d == nil:
				return askedAbout{Match: e.Match, Again: true}
			default:
				return d.askAbout(ctx, e)
			}
		},
	})
}

// NewChatKind describes the chats to the cluster.
func NewChatKind(store Store, desk func() *Desk) process.Kind {
	return process.Kind{
		Name:    ChatKind,
		Scope:   process.PerID,
		Start:   process.Explicit,
		Doubt:   process.Freeze,
		Persist: true,
		Purpose: "A conversation of AccoladesBot with one player: what it has asked, until when it waits, who is to be told.",
		Origin:  "hands over what its player answers",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return &Chat{}, nil
			}
			return RestoreChat(snapshot)
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error { return write(ctx, store, f, record) },
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			d := desk()
			switch e := effect.(type) {
			case say:
				return d.say(ctx, e)
			case late:
				return d.late(ctx, e)
			case tell:
				d.tell(ctx, e)
			}
			return nil
		},
	}
}

func write(ctx context.Context, store Store, f registry.Fence, record any) error {
	switch r := record.(type) {
	case Kept:
		return store.KeepState(ctx, f)
	case Asked:
		return store.PutQuestion(ctx, f, r)
	case Answered:
		return store.PutAnswer(ctx, f, r)
	}
	return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
}
