package roster

// Edit changes what a session of this node shows, such as its rank. False if it is not
// online. Who and where it is stays as it was.
func (r *Roster) Edit(user, session int64, change func(*User)) bool {
	self := r.c.Self()
	online := false
	r.do(func(s *state) {
		n := s.own(self)
		old := n.presence[user]
		if online = old != nil && old.Session == session; !online {
			return
		}
		u := *old
		change(&u)
		u.ID, u.Session, u.Node, u.Incarnation, u.Name = old.ID, old.Session, old.Node, old.Incarnation, old.Name
		if u != *old {
			r.publish(s, n, Changed{User: u})
		}
	})
	return online
}
