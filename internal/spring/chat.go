package spring

import (
	"context"

	"teiserver/internal/chat"
	"teiserver/internal/friend"
	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

func (c *conn) join(ctx context.Context, id string, r wire.Join) {
	err := c.client.JoinChannel(ctx, r.Channel)
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendJoinFailed(nil, r.Channel, wire.Reason("JOIN", no)))
		return
	}
	if err != nil {
		c.reply(id, wire.AppendJoinFailed(nil, r.Channel, "The channel cannot be reached right now, please try again"))
	}
}

func (c *conn) leave(ctx context.Context, id string, r wire.Leave) {
	name := r.Channel
	if clean, ok := chat.CleanName(name); ok && clean == name {
		if err := c.client.LeaveChannel(ctx, name); err != nil {
			c.quiet(id, err)
		}
	}
	c.reply(id, wire.AppendLeft(nil, name, c.client.User().Name))
}

func (c *conn) channels(_ context.Context, id string, _ wire.Channels) {
	c.reply(id, wire.AppendChannels(nil, c.client.Channels()))
}

func (c *conn) say(ctx context.Context, id string, r wire.Say) {
	c.quiet(id, c.client.Say(ctx, r.Channel, r.Text, r.Emote))
}

// getChannelMessages is sent by SpringLobby after each JOIN; there is no history.
func (c *conn) getChannelMessages(context.Context, string, wire.GetChannelMessages) {}

// sayPrivate echoes first: the echo must not wait for the other node.
func (c *conn) sayPrivate(ctx context.Context, id string, r wire.SayPrivate) {
	name, err := c.client.Addressee(ctx, r.User)
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.AppendSayPrivate(nil, name, r.Text))
	if name == "" {
		return
	}
	if err := c.client.SayPrivate(ctx, name, r.Text); err != nil {
		c.trouble(id, err)
	}
}

func (c *conn) ring(ctx context.Context, _ string, r wire.Ring) {
	c.client.Ring(ctx, r.User, r.Originator)
}

func (c *conn) friendList(ctx context.Context, id string, _ wire.FriendList) {
	c.names(ctx, id, "FRIENDLIST")
}

func (c *conn) friendRequestList(ctx context.Context, id string, _ wire.FriendRequestList) {
	c.names(ctx, id, "FRIENDREQUESTLIST")
}

func (c *conn) ignoreList(ctx context.Context, id string, _ wire.IgnoreList) {
	c.names(ctx, id, "IGNORELIST")
}

// names answers one of the lists of relations.
func (c *conn) names(ctx context.Context, id, list string) {
	rel, err := c.client.Relations(ctx)
	if err != nil {
		c.trouble(id, err)
		return
	}
	ids := rel.Friends
	switch list {
	case "FRIENDREQUESTLIST":
		ids = rel.Incoming
	case "IGNORELIST":
		ids = rel.Ignores
	}
	names, err := c.client.Names(ctx, ids)
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.AppendNameList(nil, list, names))
}

func (c *conn) friendRequest(ctx context.Context, id string, r wire.FriendRequest) {
	c.relateNamed(ctx, id, r.User, c.client.AskFriend)
}

func (c *conn) acceptFriendRequest(ctx context.Context, id string, r wire.AcceptFriendRequest) {
	c.relateNamed(ctx, id, r.User, c.answering(true))
}

func (c *conn) declineFriendRequest(ctx context.Context, id string, r wire.DeclineFriendRequest) {
	c.relateNamed(ctx, id, r.User, c.answering(false))
}

func (c *conn) unfriend(ctx context.Context, id string, r wire.Unfriend) {
	c.relateNamed(ctx, id, r.User, c.client.EndFriend)
}

func (c *conn) ignore(ctx context.Context, id string, r wire.Ignore) {
	c.relateNamed(ctx, id, r.User, c.relating(friend.Ignore, true))
}

func (c *conn) unignore(ctx context.Context, id string, r wire.Unignore) {
	c.relateNamed(ctx, id, r.User, c.relating(friend.Ignore, false))
}

// relateNamed does something about a user of a name, and answers nothing.
func (c *conn) relateNamed(ctx context.Context, id, name string, do relate) {
	other, err := c.client.Another(ctx, name)
	if err == nil {
		var tell func()
		if tell, err = do(ctx, other.ID); err == nil {
			tell()
		}
	}
	c.quiet(id, err)
}
