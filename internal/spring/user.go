package spring

import (
	"context"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/client"
	"teiserver/internal/friend"
	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

// relate changes what this user has with another. tell is called once the change has
// been answered.
type relate = func(ctx context.Context, other int64) (tell func(), err error)

func (c *conn) answering(accept bool) relate {
	return func(ctx context.Context, other int64) (func(), error) {
		return c.client.AnswerFriend(ctx, other, accept)
	}
}

func (c *conn) relating(kind friend.Relation, on bool) relate {
	return func(ctx context.Context, other int64) (func(), error) { return c.client.Relate(ctx, other, kind, on) }
}

// textTryAgain is why something could not be decided.
const textTryAgain = "please try again"

// reasonOf is what a client is told of an error: the text of a refusal, which may be
// empty. Other errors are for the operator.
func (c *conn) reasonOf(err error) string {
	if no, refused := refusal.As(err); refused && no.Code != refusal.Unavailable {
		return no.Message
	}
	c.srv.Log.Warn("relations not changed", "conn", c.ip, "user", c.userID(), "err", err)
	return textTryAgain
}

// eachFriend does something about each of some users, answers with a line for each, and
// then tells whom it concerns.
func (c *conn) eachFriend(ctx context.Context, id, command string, others []int64, do relate, words map[refusal.Code]string) {
	var b []byte
	tells := make([]func(), 0, len(others))
	for _, other := range others {
		if !c.mayRelate() {
			b = wire.AppendFriendFailed(b, command, other, textTryAgain)
			continue
		}
		tell, err := c.ifThere(ctx, other, do)
		if err == nil {
			tells = append(tells, tell)
			b = wire.AppendFriendDone(b, command, other)
			continue
		}
		reason := c.reasonOf(err)
		if no, refused := refusal.As(err); refused && words[no.Code] != "" {
			reason = words[no.Code]
		}
		b = wire.AppendFriendFailed(b, command, other, reason)
	}
	c.reply(id, b)
	for _, tell := range tells {
		tell()
	}
}

// mayRelate limits the users named in lists as lines are limited: each is a change of the
// store, and many fit into a line.
func (c *conn) mayRelate() bool {
	if !c.limited() {
		return true
	}
	now, most := time.Now(), c.srv.limits().perMinute
	if c.related == nil {
		bucket := client.NewBucket(most, now)
		c.related = &bucket
	}
	c.related.Resize(most, now)
	return c.related.Take(now)
}

// ifThere does something about a user, if there is one of that id.
func (c *conn) ifThere(ctx context.Context, other int64, do relate) (func(), error) {
	u, err := c.client.Numbered(ctx, other)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, refusal.New(refusal.NotFound, "no user of that id")
	}
	return do(ctx, other)
}

func (c *conn) addFriend(ctx context.Context, id string, r wire.AddFriend) {
	c.eachFriend(ctx, id, "add_friend", r.Users, c.client.AskFriend, nil)
}

func (c *conn) removeFriend(ctx context.Context, id string, r wire.RemoveFriend) {
	c.eachFriend(ctx, id, "remove_friend", r.Users, c.client.EndFriend, nil)
}

func (c *conn) rescindFriend(ctx context.Context, id string, r wire.RescindFriend) {
	c.eachFriend(ctx, id, "rescind_friend_request", r.Users, func(ctx context.Context, other int64) (func(), error) {
		tell, err := c.client.RescindFriend(ctx, other)
		if refusal.Is(err, refusal.NotFound) {
			err = refusal.New(refusal.NotFound, "no failure catch for no_request") // as programs know it
		}
		return tell, err
	}, nil)
}

// noRequest is said also of a user that there is not.
var noRequest = map[refusal.Code]string{refusal.NotFound: "no request"}

func (c *conn) acceptFriend(ctx context.Context, id string, r wire.AcceptFriend) {
	c.eachFriend(ctx, id, "accept_friend_request", []int64{r.User}, c.answering(true), noRequest)
}

func (c *conn) declineFriend(ctx context.Context, id string, r wire.DeclineFriend) {
	c.eachFriend(ctx, id, "decline_friend_request", []int64{r.User}, c.answering(false), noRequest)
}

// person is what others may know of an account.
func person(u *account.User) *wire.Person {
	if u == nil {
		return nil
	}
	p := wire.Person{ID: u.ID, Name: u.Name, Country: u.Country}
	if u.HideFlag {
		p.Country = ""
	}
	return &p
}

func (c *conn) whois(ctx context.Context, id string, r wire.Whois) {
	u, err := c.client.Numbered(ctx, r.User)
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.AppendWhois(nil, r.User, person(u)))
}

func (c *conn) whoisName(ctx context.Context, id string, r wire.WhoisName) {
	u, err := c.client.Named(ctx, r.Name)
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.AppendWhoisName(nil, r.Name, person(u)))
}

func (c *conn) listRelationships(ctx context.Context, id string, _ wire.ListRelationships) {
	rel, err := c.client.Relations(ctx)
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.AppendRelationships(nil, wire.Relationships{
		Blocks: rel.Blocks, Friends: rel.Friends, Avoids: rel.Avoids, Follows: rel.Follows, Ignores: rel.Ignores,
		Incoming: rel.Incoming, Outgoing: rel.Outgoing,
	}))
}

// relateTo sets a relation to a user of a name, or of an id.
func (c *conn) relateTo(ctx context.Context, id string, r wire.RelateTo) {
	command := "c.user." + r.Kind
	if r.Name == "" && r.User != 0 {
		other, err := c.client.AnotherNumbered(ctx, r.User)
		c.relateAnswer(ctx, other, err, c.relating(friend.Relation(r.Kind), true), func(ok bool, reason string) {
			c.reply(id, wire.AppendRelatedByID(nil, r.Kind, r.User, ok, reason))
		})
		return
	}
	c.relateByName(ctx, id, r.Name, c.relating(friend.Relation(r.Kind), true), command, command)
}

func (c *conn) resetRelationship(ctx context.Context, id string, r wire.ResetRelationship) {
	const command = "c.user.reset_relationship"
	c.relateByName(ctx, id, r.Name, func(ctx context.Context, other int64) (func(), error) {
		return func() {}, c.client.Reset(ctx, other)
	}, command, command)
}

// relateByName answers with OK and one command, or with NO and another.
func (c *conn) relateByName(ctx context.Context, id, name string, do relate, yes, no string) {
	other, err := c.client.Another(ctx, name)
	c.relateAnswer(ctx, other, err, do, func(ok bool, reason string) {
		command := no
		if ok {
			command = yes
		}
		c.reply(id, wire.AppendRelated(nil, command, name, ok, reason))
	})
}

// relateAnswer does something about a user, if it was found, answers, and then tells
// whom it concerns.
func (c *conn) relateAnswer(ctx context.Context, other *account.User, err error, do relate, answer func(ok bool, reason string)) {
	var tell func()
	if err == nil {
		tell, err = do(ctx, other.ID)
	}
	if err != nil {
		answer(false, c.reasonOf(err))
		return
	}
	answer(true, "")
	tell()
}

func (c *conn) relationship(ctx context.Context, id string, r wire.Relationship) {
	const command = "c.user.relationship"
	switch {
	case !r.Split:
		c.reply(id, wire.AppendNO(nil, command, "no split match"))
		return
	case r.Kind == "":
		c.reply(id, wire.AppendRelated(nil, command, r.Name, false, "no mode of "+r.Mode))
		return
	}
	other, err := c.client.Another(ctx, r.Name)
	c.relateAnswer(ctx, other, err, c.relating(friend.Relation(r.Kind), true), func(ok bool, reason string) {
		switch {
		case ok:
			c.reply(id, wire.AppendRelated(nil, command+"."+r.Kind, r.Name, true, ""))
		case reason == "":
			c.reply(id, wire.AppendRelated(nil, command, r.Name, false, "no user"))
		default:
			c.reply(id, wire.AppendRelated(nil, command, r.Name, false, reason))
		}
	})
}

func (c *conn) closeness(ctx context.Context, id string, r wire.Closeness) {
	other, err := c.client.Named(ctx, r.Name)
	var rel *friend.Relations
	if err == nil {
		rel, err = c.client.Relations(ctx)
	}
	if err != nil {
		c.trouble(id, err)
		return
	}
	kind := friend.Relation("")
	if other != nil {
		kind = rel.Closest(other.ID)
	}
	c.reply(id, wire.AppendCloseness(nil, r.Name, other != nil, string(kind)))
}
