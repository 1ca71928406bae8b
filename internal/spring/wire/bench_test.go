package wire

import (
	"fmt"
	"testing"

	"teiserver/internal/roster"
)

func BenchmarkSaid(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 256)
	for b.Loop() {
		buf = AppendSaid(buf[:0], "main", "Alice", "hello all of you, who wants to play a game of eight against eight?", false)
	}
}

func BenchmarkEncodeSaid(b *testing.B) {
	b.ReportAllocs()
	var e roster.Event = roster.ChannelSaid{Name: "main", User: alice, Text: "hello all of you, who wants to play a game of eight against eight?"}
	for b.Loop() {
		EncodeEvent(e)
	}
}

func BenchmarkAddUser(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 256)
	for b.Loop() {
		buf = AppendAddUser(buf[:0], carol)
	}
}

func BenchmarkEncodeChunk128(b *testing.B) {
	b.ReportAllocs()
	users := make([]*roster.User, 128)
	for i := range users {
		users[i] = &roster.User{ID: int64(100000 + i), Name: fmt.Sprintf("[CLAN]Player%d", i), Country: "FR", Client: "LuaLobby Chobby"}
	}
	for b.Loop() {
		EncodeChunk(users)
	}
}

func BenchmarkEncodeLobbyMembers(b *testing.B) {
	b.ReportAllocs()
	l := isthmus(false)
	for range 16 {
		l.Members = append(l.Members, carol)
	}
	for b.Loop() {
		EncodeLobbyMembers(l)
	}
}

func BenchmarkDecodeSay(b *testing.B) {
	b.ReportAllocs()
	line := []byte("#12 SAYBATTLE hello all of you, who wants to play?")
	for b.Loop() {
		l, _ := ParseLine(line)
		if _, err := Commands[l.Command].Decode(l.Args); err != nil {
			b.Fatal(err)
		}
	}
}

// TestEncodeAllocates: one encoding is one piece of memory.
func TestEncodeAllocates(t *testing.T) {
	users := []*roster.User{coordinator, alice, bob, carol, moddy, host}
	l := isthmus(true, alice, bob, carol)
	for name, f := range map[string]func(){
		"chunk":    func() { EncodeChunk(users) },
		"statuses": func() { EncodeStatuses(users) },
		"members":  func() { EncodeLobbyMembers(l) },
		"lobby":    func() { EncodeLobby(l) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for name, e := range map[string]roster.Event{
		"came":    roster.UserCame{User: carol},
		"said":    roster.ChannelSaid{Name: "main", User: alice, Text: "hello"},
		"room":    roster.RoomSaid{User: alice, Text: "hello", Emote: true},
		"private": roster.PrivateSaid{From: alice, Text: "hello"},
		"opened":  roster.LobbyOpened{Lobby: l},
		"member":  roster.MemberCame{Lobby: l, User: alice, Room: true},
		"status":  roster.StatusSet{User: alice},
	} {
		if n := testing.AllocsPerRun(100, func() { EncodeEvent(e) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
