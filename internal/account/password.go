package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"teiserver/internal/refusal"
)

// cost is what one guess of a password costs an attacker, and one login us.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// The costs of new passwords. normalCost is the least that OWASP recommends for
// argon2id; cheapCost is for load tests, where ten thousand log in at once.
var (
	normalCost = cost{memory: 19456, passes: 2, threads: 1}
	cheapCost  = cost{memory: 64, passes: 1, threads: 1}
)

// Bounds of what a stored hash may ask of us: a damaged or planted row must not
// take all memory.
const (
	maxMemory  = 1 << 20 // KiB: 1 GiB
	maxPasses  = 64
	maxThreads = 64
	maxSum     = 128 // bytes of salt or hash
)

// waitingPerHasher bounds the queue: at 30 ms each, 64 take the two seconds after
// which the answer would come too late for the client's command anyway.
const waitingPerHasher = 64

// waitingCheap is the same for cheap hashes, of which one takes 0.1 ms.
const waitingCheap = 20_000

// errBusy is the answer when the queue is full.
var errBusy = refusal.New(refusal.Unavailable, "Too many logins at the moment, please try again in a minute or two.")

// passwords hashes and checks what clients send for a password. Half of the processors
// work on them at most, so that a storm of logins never starves the rest of the server;
// some wait, the others are refused.
type passwords struct {
	running chan struct{} // one place per hash being made
	waiting atomic.Int64
	limit   int64
	cost    cost
}

func newPasswords(workers int, cheap bool) *passwords {
	if workers <= 0 {
		workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	p := &passwords{running: make(chan struct{}, workers), limit: int64(workers * waitingPerHasher), cost: normalCost}
	if cheap {
		p.cost, p.limit = cheapCost, waitingCheap
	}
	return p
}

// enter waits for a place. The caller must leave when err is nil. Who is patient
// (an autohost, for whom every refusal is final) waits however long the queue is.
func (p *passwords) enter(ctx context.Context, patient bool) error {
	select {
	case p.running <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > p.limit && !patient {
		return errBusy
	}
	select {
	case p.running <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to check a password: %w", context.Cause(ctx))
	}
}

func (p *passwords) leave() { <-p.running }

// hash encodes a password as $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.enter(ctx, false); err != nil {
		return "", err
	}
	defer p.leave()
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	c := p.cost
	sum := argon2.IDKey([]byte(password), salt[:], c.passes, c.memory, c.threads, 32)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads,
		enc.EncodeToString(salt[:]), enc.EncodeToString(sum)), nil
}

// verify reports whether the password is the encoded one. It takes the cost from
// the hash, so that hashes of other times and other servers stay valid.
func (p *passwords) verify(ctx context.Context, encoded, password string, patient bool) (bool, error) {
	c, salt, sum, err := decodeHash(encoded)
	if err != nil {
		return false, err
	}
	if err := p.enter(ctx, patient); err != nil {
		return false, err
	}
	defer p.leave()
	size := uint32(len(sum)) //nolint:gosec // maxSum at most
	got := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, size)
	return subtle.ConstantTimeCompare(got, sum) == 1, nil
}

var errHash = errors.New("account: stored password is not an argon2id hash we can check")

func decodeHash(encoded string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	var rest string
	n, err := fmt.Sscanf(parts[3]+" .", "m=%d,t=%d,p=%d %s", &c.memory, &c.passes, &c.threads, &rest)
	if err != nil || n != 4 || rest != "." {
		return c, nil, nil, errHash
	}
	if c.memory < 1 || c.memory > maxMemory || c.passes < 1 || c.passes > maxPasses || c.threads < 1 || c.threads > maxThreads {
		return c, nil, nil, errHash
	}
	salt, err1 := decodeSum(parts[4])
	sum, err2 := decodeSum(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(sum) < 16 || len(salt) > maxSum || len(sum) > maxSum {
		return c, nil, nil, errHash
	}
	return c, salt, sum, nil
}

func decodeSum(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}
