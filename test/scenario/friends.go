package scenario

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/test/springclient"
)

// list asks for one of the lists and compares it.
func (a *actor) list(command string, want ...string) {
	a.w.Helper()
	a.sync()
	a.Skip()
	a.send("%s", command)
	lines := []string{command + "BEGIN"}
	for _, name := range want {
		lines = append(lines, command+" userName="+name)
	}
	a.wantNext(append(lines, command+"END")...)
}

func friends(t *testing.T, env Env) {
	w := enter(t, env)
	a, b := w.newcomer(), w.newcomer()
	w.meet()
	ida, idb := b.id(a.name), a.id(b.name)
	a.list("FRIENDLIST")
	a.list("FRIENDREQUESTLIST")
	a.send("FRIENDREQUEST userName=%s", b.name)
	b.want("s.user.new_incoming_friend_request %d", ida)
	b.list("FRIENDREQUESTLIST", a.name)
	b.send("ACCEPTFRIENDREQUEST userName=%s", a.name)
	a.want("s.user.friend_request_accepted %d", idb)
	a.list("FRIENDLIST", b.name)
	b.list("FRIENDLIST", a.name)
	a.send("UNFRIEND userName=%s", b.name)
	b.want("s.user.friend_deleted %d", ida)
	a.list("FRIENDLIST")
	b.list("FRIENDLIST")
	b.send("FRIENDREQUEST userName=%s", a.name)
	a.want("s.user.new_incoming_friend_request %d", idb)
	a.send("DECLINEFRIENDREQUEST userName=%s", b.name)
	b.want("s.user.friend_request_declined %d", ida)
	a.list("FRIENDREQUESTLIST")
	a.send("FRIENDREQUEST userName=%s", b.name)
	b.want("s.user.new_incoming_friend_request %d", ida)
	b.send("FRIENDREQUEST userName=%s", a.name) // both want it: they are friends
	a.want("s.user.friend_request_accepted %d", idb)
	a.list("FRIENDLIST", b.name)
	for _, bad := range []string{"FRIENDREQUEST", "ACCEPTFRIENDREQUEST x", "UNFRIEND a=b=c"} {
		a.send("%s", bad)
		a.want("SERVERMSG No incomming match for %s …", strings.Fields(bad)[0])
	}
	a.send("UNFRIEND userName=Nobody99")
	a.send("FRIENDREQUEST userName=Nobody99")
	a.sync()
}

func ignores(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, host := w.newcomer(), w.newcomer(), w.host()
	w.meet()
	room := strings.ToLower(env.Name())
	for _, x := range []*actor{a, b} {
		x.send("JOIN %s", room)
		x.want("CLIENTS %s %s…", room, x.name)
	}
	a.want("JOINED %s %s", room, b.name)
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	host.admit(b, id, "empty")
	mark := len(b.Lines(0))
	b.send("IGNORE userName=%s", a.name)
	b.list("IGNORELIST", a.name)
	a.send("SAYPRIVATE %s not heard", b.name)
	a.want("SAYPRIVATE %s not heard", b.name)
	a.send("SAY %s not heard", room)
	a.want("SAID %s %s not heard", room, a.name)
	a.send("SAYBATTLE not heard")
	a.want("SAIDBATTLE %s not heard", a.name)
	a.send("SAYBATTLEEX not heard")
	a.want("SAIDBATTLEEX %s not heard", a.name)
	a.send("RING %s", b.name)
	a.sync()
	// What a third says in the same rooms comes after it, on every node.
	host.send("SAYBATTLE marker")
	b.want("SAIDBATTLE %s marker", host.name)
	b.send("SAY %s marker", room)
	b.want("SAID %s %s marker", room, b.name)
	b.never(mark, "…not heard")
	b.never(mark, "RING …")
	b.send("UNIGNORE userName=%s", a.name)
	b.list("IGNORELIST")
	a.send("SAYPRIVATE %s and now", b.name)
	b.want("SAIDPRIVATE %s and now", a.name)
	a.send("SAY %s and now", room)
	b.want("SAID %s %s and now", room, a.name)
	b.send("IGNORE")
	b.send("IGNORE userName=Nobody99")
	b.sync()
}

// relationsOf reads s.user.list_relationships.
func (a *actor) relationsOf() map[string][]int64 {
	a.w.Helper()
	a.send("c.user.list_relationships")
	line := a.want("s.user.list_relationships *")
	raw, err := base64.RawStdEncoding.DecodeString(strings.Fields(line)[1])
	if err != nil {
		a.w.Fatalf("%s: %v", line, err)
	}
	got := map[string][]int64{}
	if err := json.Unmarshal(raw, &got); err != nil {
		a.w.Fatalf("%s: %v", raw, err)
	}
	return got
}

func relations(t *testing.T, env Env) {
	w := enter(t, env)
	a, b := w.newcomer(), w.newcomer()
	w.meet()
	ida, idb := b.id(a.name), a.id(b.name)
	none := map[string][]int64{
		"friends": {}, "follows": {}, "incoming_friend_requests": {}, "outgoing_friend_requests": {}, "ignores": {}, "avoids": {}, "blocks": {},
	}
	if diff := cmp.Diff(none, a.relationsOf()); diff != "" {
		t.Errorf("relations of a newcomer (-want +got):\n%s", diff)
	}
	a.send("c.user.add_friend %d\t99999999", idb)
	a.want("s.user.add_friend %d\tsuccess", idb)
	a.want("s.user.add_friend 99999999\tfailure\tno user of that id")
	b.want("s.user.new_incoming_friend_request %d", ida)
	a.send("c.user.add_friend %d", idb)
	a.want("s.user.add_friend %d\tfailure\tAlready friends", idb)
	if got := b.relationsOf()["incoming_friend_requests"]; !cmp.Equal(got, []int64{ida}) {
		t.Errorf("incoming requests %v, want %d", got, ida)
	}
	b.send("c.user.accept_friend_request %d", ida)
	b.want("s.user.accept_friend_request %d\tsuccess", ida)
	a.want("s.user.friend_request_accepted %d", idb)
	b.send("c.user.accept_friend_request %d", ida)
	b.want("s.user.accept_friend_request %d\tfailure\tno request", ida)
	a.send("c.user.remove_friend %d", idb)
	a.want("s.user.remove_friend %d\tsuccess", idb)
	b.want("s.user.friend_deleted %d", ida)
	b.send("c.user.add_friend %d", ida)
	a.want("s.user.new_incoming_friend_request %d", idb)
	b.want("s.user.add_friend %d\tsuccess", ida)
	b.send("c.user.rescind_friend_request %d", ida)
	b.want("s.user.rescind_friend_request %d\tsuccess", ida)
	a.want("s.user.friend_request_rescinded %d", idb)
	a.send("c.user.follow %s", b.name)
	a.want("OK cmd=c.user.follow\tuserName=%s", b.name)
	b.want("s.user.new_follower %d", ida)
	a.send("c.user.closeness %s", b.name)
	a.want("s.user.closeness userName=%s\tfollow", b.name)
	a.send("c.user.relationship %s\tblock", b.name)
	a.want("OK cmd=c.user.relationship.block\tuserName=%s", b.name)
	a.send("c.user.reset_relationship %s", b.name)
	a.want("OK cmd=c.user.reset_relationship\tuserName=%s", b.name)
	a.send("c.user.closeness %s", b.name)
	a.want("NO cmd=c.user.closeness\tuserName=%s no cond match", b.name)
	a.send("c.user.ignore_by_id %d", idb)
	a.want("s.user.ignore_by_id %d\tsuccess", idb)
	if got := a.relationsOf()["ignores"]; !cmp.Equal(got, []int64{idb}) {
		t.Errorf("ignores %v, want %d", got, idb)
	}
	a.send("c.user.whois %d", idb)
	a.want("s.user.whois %d *", idb)
	a.send("c.user.whois 99999999")
	a.want("s.user.whois 99999999 eyJlcnJvciI6InVzZXIgbm90IGZvdW5kIn0")
	a.send("c.user.whoisName %s", b.name)
	a.want("s.user.whoisName %s *", b.name)
}
