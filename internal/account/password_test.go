package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"teiserver/internal/refusal"
)

func TestPasswordForm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cheap  bool
		prefix string
	}{
		{false, "$argon2id$v=19$m=19456,t=2,p=1$"},
		{true, "$argon2id$v=19$m=64,t=1,p=1$"},
	} {
		p := newPasswords(1, tc.cheap)
		h, err := p.hash(t.Context(), pass)
		if err != nil || !strings.HasPrefix(h, tc.prefix) {
			t.Fatalf("%q %v", h, err)
		}
		// The cost is in the hash: a server with another one checks it all the same.
		other := newPasswords(1, !tc.cheap)
		if ok, err := other.verify(t.Context(), h, pass, false); !ok || err != nil {
			t.Errorf("right: %v %v", ok, err)
		}
		if ok, err := other.verify(t.Context(), h, pass+"x", false); ok || err != nil {
			t.Errorf("wrong: %v %v", ok, err)
		}
		again, _ := p.hash(t.Context(), pass)
		if again == h {
			t.Error("two hashes of one password are equal: no salt")
		}
	}
}

// TestClientPassword: the form that real clients send.
func TestClientPassword(t *testing.T) {
	t.Parallel()
	if got := ClientPassword("password"); got != "X03MO1qnZdYdgyfeuILPmQ==" {
		t.Errorf("client form %q", got)
	}
	if got := ClientPassword(""); got != emptyPassword {
		t.Errorf("client form of nothing %q", got)
	}
}

func TestDecodeHash(t *testing.T) {
	t.Parallel()
	good := "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if c, salt, sum, err := decodeHash(good); err != nil || c != cheapCost || len(salt) != 16 || len(sum) != 32 {
		t.Fatalf("%v %d %d %v", c, len(salt), len(sum), err)
	}
	for _, change := range [][2]string{
		{"argon2id", "argon2i"}, {"v=19", "v=16"}, {"m=64", "m=0"}, {"m=64", "m=99999999"}, {"m=64", "m=-1"}, {"t=1", "t=0"},
		{"t=1", "t=1000"}, {"p=1", "p=0"}, {"p=1", "p=300"}, {"p=1", "p=1x"}, {"p=1", "p=1,q=2"}, {"$AAAAAAAAAAAAAAAAAAAAAA$", "$AA$"},
		{"$AAAAAAAAAAAAAAAAAAAAAA$", "$!!!!$"}, {"$AAAAAAAAAAAAAAAAAAAAAA$", "$"}, {good, ""}, {good, "plain"},
		{"$AAAAAAAAAAAAAAAAAAAAAA$", "$" + strings.Repeat("A", 1000) + "$"},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if _, _, _, err := decodeHash(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestHashingQueue: places are bounded, so is the queue; bots wait all the same.
func TestHashingQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPasswords(2, true)
		p.limit = 3
		for range 2 {
			if err := p.enter(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		entered := make(chan error, 10)
		for range 3 {
			go func() { entered <- p.enter(t.Context(), false) }()
		}
		synctest.Wait()
		if n := p.waiting.Load(); n != 3 {
			t.Fatalf("%d wait", n)
		}
		if err := p.enter(t.Context(), false); !refusal.Is(err, refusal.Unavailable) {
			t.Errorf("beyond the queue: %v", err)
		}
		go func() { entered <- p.enter(t.Context(), true) }()
		synctest.Wait()
		if n := p.waiting.Load(); n != 4 {
			t.Errorf("%d wait with a bot", n)
		}
		for range 4 {
			p.leave()
			if err := <-entered; err != nil {
				t.Errorf("waited: %v", err)
			}
		}

		gone := errors.New("client gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { entered <- p.enter(ctx, false) }()
		synctest.Wait()
		cancel(gone)
		if err := <-entered; !errors.Is(err, gone) {
			t.Errorf("canceled: %v", err)
		}
		if n := p.waiting.Load(); n != 0 {
			t.Errorf("%d still counted as waiting", n)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for name, cheap := range map[string]bool{"normal": false, "cheap": true} {
		b.Run(name, func(b *testing.B) {
			p := newPasswords(0, cheap)
			h, err := p.hash(b.Context(), pass)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := p.verify(b.Context(), h, pass, false); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"Alice", "Bad-Name!", "[TAG]x", "\xff", "Jürgen", "{}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		clean := CleanName(name)
		if again := CleanName(clean); again != clean {
			t.Errorf("%q cleans to %q, that to %q", name, clean, again)
		}
		if no := checkForm(name, 20); no == nil && clean != name {
			t.Errorf("%q is legal but not clean", name)
		}
	})
}
