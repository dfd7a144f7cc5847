package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Limits of what this side refuses of a peer: each refusal leaves rows and the refused content here. Entries that
// are taken over do not count, nor does what the brake holds. A refusal costs one unit, and one more for each
// refusalBytes of its entry.
const (
	refusalsBurst = 10_000
	refusalsEach  = 20 // a second
	refusalBytes  = 4 << 10
	refusalWait   = time.Minute // that is announced at most
)

// refusals are the budgets of the peers.
type refusals struct {
	mu  sync.Mutex
	of  map[string]*rate.Limiter
	log *zap.Logger
	now rate.Sometimes // limits the log lines
}

func newRefusals(log *zap.Logger) *refusals {
	return &refusals{of: map[string]*rate.Limiter{}, log: log, now: rate.Sometimes{Interval: refusalLogEvery}}
}

func (f *refusals) budget(peer string) *rate.Limiter {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.of[peer]
	if b == nil {
		b = rate.NewLimiter(refusalsEach, refusalsBurst)
		f.of[peer] = b
	}
	return b
}

// admit fails while the budget of a peer is used up, and says when it is not.
func (f *refusals) admit(peer string) (wait time.Duration, err error) {
	left := f.budget(peer).Tokens()
	if left >= 1 {
		return 0, nil
	}
	f.now.Do(func() {
		f.log.Warn("peer sends too many entries that are refused, limited", zap.String("peer", peer))
	})
	wait = min(time.Duration((1-left)/refusalsEach*float64(time.Second)), refusalWait)
	return wait, orders.Errorf(orders.TooMany, "too many entries of this side were refused: correct them, or send the rest later")
}

// charge takes what a batch's refusals cost from the budget of a peer; it may go below zero.
func (f *refusals) charge(peer string, entries [][]byte, answers []entryOut) {
	cost := 0
	for i := range answers {
		if r := answers[i].Refused; r != nil && !strings.HasPrefix(r.Reason, contracts.BrakeReason) {
			cost += 1 + len(entries[i])/refusalBytes
		}
	}
	if cost > 0 {
		f.budget(peer).ReserveN(time.Now(), min(cost, refusalsBurst))
	}
}

// tellWait says when to come again.
func tellWait(w http.ResponseWriter, wait time.Duration) {
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
}
