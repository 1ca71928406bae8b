package wire

// Requests of parties. Their arguments are not checked here: what does not fit is
// answered like what cannot be found.
type (
	// CreateParty is c.party.create_new_party.
	CreateParty struct{}
	// InviteToParty is c.party.invite_to_party; User is empty if it is not one word.
	InviteToParty struct{ User string }
	// CancelInviteToParty is c.party.cancel_invite_to_party, and what older programs call it.
	CancelInviteToParty struct{ User string }
	// AcceptParty is c.party.accept_invite_to_party.
	AcceptParty struct{ Party string }
	// DeclineParty is c.party.decline_invite_to_party.
	DeclineParty struct{ Party string }
	// LeaveParty is c.party.leave_current_party.
	LeaveParty struct{}
)

var partyCommands = []Spec{
	{Name: "c.party.create_new_party", Decode: plain(CreateParty{})},
	{Name: "c.party.invite_to_party", Form: "userName", Example: "Bob",
		Decode: all(func(text string) InviteToParty { return InviteToParty{User: word(text)} })},
	{Name: "c.party.cancel_invite_to_party", Form: "userName", Example: "Bob",
		Decode: all(func(text string) CancelInviteToParty { return CancelInviteToParty{User: word(text)} })},
	{Name: "c.party.cancel_invite_to_my_party", Form: "userName", Example: "Bob",
		Decode: all(func(text string) CancelInviteToParty { return CancelInviteToParty{User: word(text)} })},
	{Name: "c.party.accept_invite_to_party", Form: "partyId", Example: "01M8272Z90KV99AT4B9C3VFS00",
		Decode: all(func(text string) AcceptParty { return AcceptParty{Party: word(text)} })},
	{Name: "c.party.decline_invite_to_party", Form: "partyId", Example: "01M8272Z90KV99AT4B9C3VFS00",
		Decode: all(func(text string) DeclineParty { return DeclineParty{Party: word(text)} })},
	{Name: "c.party.leave_current_party", Decode: plain(LeaveParty{})},
}

// word is the text if it is one word, else empty.
func word(text string) string {
	if !isWord(text) {
		return ""
	}
	return text
}
