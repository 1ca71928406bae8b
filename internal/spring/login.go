package spring

import (
	"context"
	"errors"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/client"
	"teiserver/internal/cluster"
	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

func (c *conn) register(ctx context.Context, id string, r wire.Register) {
	err := c.srv.Accounts.Register(ctx, account.NewUser{Name: r.Name, Password: r.Password, Email: r.Email, IP: c.ip})
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "REGISTER", no))
		return
	}
	if err != nil {
		c.srv.Log.Warn("user not registered", "conn", c.ip, "err", err)
		c.reply(id, wire.AppendRegistrationDenied(nil, "User creation failed"))
		return
	}
	c.reply(id, wire.RegistrationAccepted)
}

func (c *conn) logIn(ctx context.Context, id string, r wire.Login) bool {
	if c.client != nil {
		c.deny(id, "Already logged in")
		return true
	}
	c.login, c.waiting = r, nil
	c.stand()
	u, proved, err := c.srv.Accounts.Recognize(ctx, c.request())
	if err == nil && proved {
		u, err = c.srv.Accounts.Welcome(ctx, u, c.ip)
	} else if err == nil && (c.srv.Queue == nil || !c.srv.Queue.ProvesLast(u)) {
		u, err = c.prove(ctx, u)
		proved = true
	}
	if err != nil {
		c.leaveQueue()
		return c.notLoggedIn(ctx, id, u, err)
	}
	return c.admit(ctx, id, u, proved)
}

// request is what the client has said to log in.
func (c *conn) request() account.LoginRequest {
	r := c.login
	return account.LoginRequest{
		Name: r.Name, Password: r.Password, Hash: r.Hash, IP: c.ip, Client: wire.LobbyClient(r.Client), Before: c.refuse,
	}
}

// prove checks the password, which takes a hash.
func (c *conn) prove(ctx context.Context, u *account.User) (*account.User, error) {
	if err := c.srv.Accounts.Prove(ctx, u, c.request()); err != nil {
		return nil, err
	}
	return c.srv.Accounts.Welcome(ctx, u, c.ip)
}

// notLoggedIn answers who may not log in, or not yet: u is who has to agree first.
func (c *conn) notLoggedIn(ctx context.Context, id string, u *account.User, err error) bool {
	if refusal.Is(err, refusal.Unverified) && u != nil {
		c.waiting = u
		c.stand()
		c.touched = time.Time{} // who waits for a letter need not hurry
		c.touch(time.Now())
		c.agreement(ctx, id)
		return true
	}
	return c.loginFailed(id, err)
}

// loginFailed answers a refusal with DENIED. Trouble of our own closes the
// connection instead: autohosts take every DENIED as final.
func (c *conn) loginFailed(id string, err error) bool {
	if no, refused := refusal.As(err); refused && no.Code != refusal.Unavailable && no.Code != refusal.Superseded {
		c.deny(id, wire.Reason("LOGIN", no))
		return true
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, cluster.ErrUnavailable) && !refusal.Is(err, refusal.Unavailable) {
		c.srv.Log.Warn("login not possible", "conn", c.ip, "err", err)
	}
	reason := endUnavailable
	if refusal.Is(err, refusal.Superseded) {
		reason = client.EndLoggedOut
	}
	c.End(reason)
	return false
}

func (c *conn) agreement(ctx context.Context, id string) {
	var b []byte
	for line := range strings.Lines(c.srv.Accounts.Agreement(ctx, c.waiting)) {
		b = wire.AppendAgreement(b, strings.TrimRight(line, "\r\n"))
	}
	b = wire.AppendAgreement(b, "")
	b = append(b, wire.AgreementEnd...)
	c.reply(id, b)
}

func (c *conn) confirmAgreement(ctx context.Context, id string, r wire.ConfirmAgreement) bool {
	if c.waiting == nil {
		c.message(id, "You need to login before you can confirm the agreement.")
		return true
	}
	u, err := c.srv.Accounts.ConfirmAgreement(ctx, c.waiting, r.Code)
	if err != nil {
		return c.loginFailed(id, err)
	}
	c.waiting = nil
	c.stand()
	return c.admit(ctx, id, u, true)
}

// enter makes the connection a client: ACCEPTED and MOTD, then the login stream.
// permitted says that the queue has let it in.
func (c *conn) enter(ctx context.Context, id string, u *account.User, permitted bool) bool {
	shown := wire.LobbyClient(c.login.Client)
	c.interest = wire.TrafficLevel(u.Name, shown, u.IsBot())
	if u.IsBot() {
		c.out.SetLimit(client.HostBytes)
	}
	motd := c.srv.Settings.MOTD(ctx)
	cl, err := c.srv.Clients.Enter(ctx, u, client.Presence{
		Client: shown, IP: c.ip, LobbyHash: c.login.Hash, Interest: c.interest, Permitted: permitted,
	}, c, func() { c.out.Send(wire.AppendAccepted(nil, u.Name, motd)) })
	if err != nil {
		return c.loginFailed(id, err)
	}
	c.client = cl
	c.stand()
	c.touched = time.Time{} // the deadline of the login ends with it
	c.touch(time.Now())
	c.srv.Counters.Logins.Add(1)
	c.srv.Accounts.NoteLogin(u.ID, time.Now(), c.ip, shown, c.login.Hash)
	return true
}

// resetPasswordRequest mails a link to the user of the address, and says the same whether
// there is one or not.
func (c *conn) resetPasswordRequest(ctx context.Context, id string, r wire.ResetPasswordRequest) {
	if email := strings.TrimSpace(r.Email); email != "" {
		if err := c.srv.Accounts.RequestReset(ctx, email, c.ip); err != nil {
			c.srv.Log.Info("no link for a new password mailed", "conn", c.ip, "err", err)
		}
	}
	c.reply(id, wire.AppendOK(nil, c.srv.Settings.SiteURL(ctx)+account.ResetPath, ""))
}

// rename ends the session: others see the old name go, the next login has the new one.
func (c *conn) rename(ctx context.Context, id string, r wire.RenameAccount) bool {
	err := c.srv.Accounts.Rename(ctx, c.client.User().ID, r.Name)
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "RENAMEACCOUNT", no))
		return true
	}
	if err != nil {
		c.trouble(id, err)
		return true
	}
	c.client.Close()
	c.End(client.EndLoggedOut)
	return false
}

func (c *conn) changePassword(ctx context.Context, id string, r wire.ChangePassword) {
	if c.client == nil {
		c.noMatch(wire.Line{ID: id, Command: "CHANGEPASSWORD", Args: r.Args})
		return
	}
	c.tell(id, c.srv.Accounts.ChangePassword(ctx, c.client.User().ID, r.Old, r.New),
		"Password changed, you will need to use it next time you login")
}

// tell answers with a text, or with the text of the refusal.
func (c *conn) tell(id string, err error, done string) {
	if no, refused := refusal.As(err); refused {
		c.message(id, wire.Reason("", no))
		return
	}
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.message(id, done)
}

func (c *conn) changeEmailRequest(ctx context.Context, id string, r wire.ChangeEmailRequest) {
	err := c.srv.Accounts.ChangeEmailRequest(ctx, c.client.User().ID, r.Email)
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "CHANGEEMAILREQUEST", no))
		return
	}
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.ChangeEmailRequestAccepted)
}

func (c *conn) changeEmail(ctx context.Context, id string, r wire.ChangeEmail) {
	err := c.srv.Accounts.ChangeEmail(ctx, c.client.User().ID, r.Email, r.Code)
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "CHANGEEMAIL", no))
		return
	}
	if err != nil {
		c.trouble(id, err)
		return
	}
	c.reply(id, wire.ChangeEmailAccepted)
}

func (c *conn) getUserInfo(ctx context.Context, id string, _ wire.GetUserInfo) {
	info, err := c.srv.Accounts.Info(ctx, c.client.User().ID)
	if err != nil {
		c.trouble(id, err)
		return
	}
	var b []byte
	b = wire.AppendServerMsg(b, "Registration date: "+info.Registered)
	b = wire.AppendServerMsg(b, "Email address: "+info.Email)
	b = wire.AppendServerMsg(b, "Ingame time: "+info.Hours)
	c.reply(id, b)
}

func (c *conn) createBotAccount(ctx context.Context, id string, r wire.CreateBotAccount) {
	u := c.client.User()
	if !u.Moderates() {
		c.message(id, "You do not have permission to execute that command")
		return
	}
	c.tell(id, c.srv.Accounts.CreateBot(ctx, u.ID, r.Bot),
		"A new bot account "+r.Bot+" has been created, with the same password as "+u.Name)
}

func (c *conn) getIP(_ context.Context, id string, r wire.GetIP) {
	if !c.mayLookUp() {
		return
	}
	target, online := c.client.Online(r.User)
	if !online {
		c.reply(id, wire.AppendNO(nil, "GETIP", ""))
		return
	}
	c.reply(id, wire.AppendUserIP(nil, target.Name, target.IP))
}

func (c *conn) getUserID(ctx context.Context, id string, r wire.GetUserID) {
	if !c.mayLookUp() {
		return
	}
	if u, err := c.client.Named(ctx, r.User); err == nil && u != nil {
		c.reply(id, wire.AppendUserID(nil, u.Name, u.LobbyHash, u.ID))
		return
	}
	c.noMatch(wire.Line{ID: id, Command: "GETUSERID", Args: r.User})
}

func (c *conn) mayLookUp() bool {
	u := c.client.User()
	return u.IsBot() || u.Moderates()
}

func (c *conn) myStatus(_ context.Context, _ string, r wire.MyStatus) {
	c.client.SetStatus(r.InGame, r.Away)
}
