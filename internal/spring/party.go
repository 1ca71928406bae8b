package spring

import (
	"context"

	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

// partyAnswer answers a command of parties, and lets come what waited for the answer.
func (c *conn) partyAnswer(id, command, party string, done func(), err error) {
	defer done()
	if no, refused := refusal.As(err); refused && no.Code != refusal.Unavailable {
		c.reply(id, wire.AppendPartyNo(nil, command, wire.Reason(command, no)))
		return
	}
	if err != nil {
		c.reply(id, wire.AppendPartyNo(nil, command, "please try again"))
		return
	}
	c.reply(id, wire.AppendPartyOK(nil, command, party))
}

func (c *conn) createParty(ctx context.Context, id string, _ wire.CreateParty) {
	party, done, err := c.client.CreateParty(ctx)
	c.partyAnswer(id, "c.party.create_new_party", party, done, err)
}

func (c *conn) inviteToParty(ctx context.Context, id string, r wire.InviteToParty) {
	const command = "c.party.invite_to_party"
	if r.User == "" {
		c.reply(id, wire.AppendPartyNo(nil, command, "expected party_id username but could not parse"))
		return
	}
	done, err := c.client.InviteToParty(ctx, r.User)
	c.partyAnswer(id, command, "", done, err)
}

func (c *conn) cancelInviteToParty(ctx context.Context, id string, r wire.CancelInviteToParty) {
	const command = "c.party.cancel_invite_to_party"
	if r.User == "" {
		c.reply(id, wire.AppendPartyNo(nil, command, "expected username in argument but could not parse"))
		return
	}
	done, err := c.client.CancelPartyInvite(ctx, r.User)
	c.partyAnswer(id, command, "", done, err)
}

func (c *conn) acceptParty(ctx context.Context, id string, r wire.AcceptParty) {
	done, err := c.client.AcceptParty(ctx, r.Party)
	c.partyAnswer(id, "c.party.accept_invite_to_party", "", done, err)
}

func (c *conn) declineParty(ctx context.Context, id string, r wire.DeclineParty) {
	done, err := c.client.DeclineParty(ctx, r.Party)
	c.partyAnswer(id, "c.party.decline_invite_to_party", "", done, err)
}

func (c *conn) leaveParty(ctx context.Context, id string, _ wire.LeaveParty) {
	done, err := c.client.LeaveParty(ctx)
	c.partyAnswer(id, "c.party.leave_current_party", "", done, err)
}
