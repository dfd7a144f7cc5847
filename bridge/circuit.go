package bridge

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	failuresMax   = 3 // in a row, then the circuit opens
	backoffBase   = 200 * time.Millisecond
	toldWaitMin   = time.Second // what a 429 without a time means: at most one request a second
	toldWaitMax   = 60 * time.Second
	barredProbing = 15 * time.Second // pause between tries with credentials that are not accepted
)

// Names of a circuit's states in reports.
const (
	circuitClosed   = "closed"
	circuitOpen     = "open"
	circuitHalfOpen = "half-open"
)

// circuit is the patience that the workers of a bridge share. It stands for the whole way, lookup to
// local PUT: nothing can pass when either service is away, so there is nothing to tell apart but in
// lastError. While it is open everybody waits; when the pause is over one worker tries, the others go
// when it got through.
type circuit struct {
	backoffMax time.Duration
	log        *zap.Logger
	changed    func() // called, without locks, when what state tells may have changed

	mu        sync.Mutex
	failures  int // in a row
	open      bool
	barred    bool          // open, because of credentials
	far       bool          // what failed last was the remote service, not the own one
	until     time.Time     // nobody tries before
	probing   bool          // one worker is trying while open
	lastError string        // what went wrong last, even when it is over
	failedAt  time.Time     // when that was
	wake      chan struct{} // closed and renewed at each change
}

func newCircuit(backoffMax time.Duration, log *zap.Logger, changed func()) *circuit {
	return &circuit{backoffMax: backoffMax, log: log, changed: changed, wake: make(chan struct{})}
}

// ready waits until a try may be made soon, for a worker that has nothing in hand yet.
func (c *circuit) ready(ctx context.Context) error {
	_, err := c.await(ctx, false)
	return err
}

// enter waits for the turn to try; every enter without an error is followed by one leave, which is
// handed probe.
func (c *circuit) enter(ctx context.Context) (probe bool, err error) { return c.await(ctx, true) }

func (c *circuit) await(ctx context.Context, take bool) (probe bool, err error) {
	for ctx.Err() == nil {
		c.mu.Lock()
		pause, busy := time.Until(c.until), c.open && c.probing
		if pause <= 0 && !busy {
			probe = c.open && take
			c.probing = c.probing || probe
			c.mu.Unlock()
			if probe {
				c.changed()
			}
			return probe, nil
		}
		wake := c.wake
		c.mu.Unlock()
		if err := sleep(ctx, pause, wake); err != nil {
			return false, err
		}
	}
	return false, ctx.Err()
}

// cancel gives back a turn that was not used, or of which nothing can be learned.
func (c *circuit) cancel(probe bool) { c.leave(probe, response{verdict: split}) }

// leave tells how the try ended, by its last response.
func (c *circuit) leave(probe bool, r response) {
	far := r.call == remotePut
	reason := fmt.Sprintf("%s: %s", r.call.target(), r.reason)
	c.mu.Lock()
	wasOpen, wasBarred := c.open, c.barred
	if probe {
		c.probing = false
	}
	verdict := r.verdict
	if r.limited {
		verdict = wait
	}
	switch verdict {
	case settled, refused, later, blocked:
		// No news of a service that is away: a try that began before it was known to be, and a lookup
		// that found nothing to tell it.
		if c.open && !probe || r.call == lookup && c.far {
			break
		}
		c.failures, c.open, c.barred, c.far, c.until = 0, false, false, false, time.Time{}
	case split: // says something of the request, nothing yet of the way
	case retry, misdirected:
		c.failures++
		c.barred, c.far = false, far
		c.open = c.open || r.verdict == misdirected || c.failures >= failuresMax
		c.pause(c.backoff(), reason)
	case wait, overloaded:
		c.open, c.barred, c.far = true, false, far
		c.pause(min(max(r.retryAfter, toldWaitMin), toldWaitMax), reason)
	case unauthorized:
		c.open, c.barred, c.far = true, true, far
		c.pause(barredProbing, reason)
	}
	isOpen, isBarred := c.open, c.barred
	close(c.wake)
	c.wake = make(chan struct{})
	c.mu.Unlock()

	switch {
	case isBarred && !wasBarred:
		c.log.Error("not authorized, nothing flows until the token is accepted", zap.String("reason", reason))
	case isOpen && !wasOpen:
		c.log.Warn("circuit opened", zap.String("reason", reason))
	case wasOpen && !isOpen:
		c.log.Info("circuit closed")
	}
	if r.verdict != settled || wasOpen {
		c.changed()
	}
}

// greeted tells that a greeting has passed, which goes the whole way as a try does: where nothing waits to
// be told, nobody else would find out that the way is open again. How often it failed is not forgotten,
// since a greeting is less to bear than orders are.
func (c *circuit) greeted() {
	c.mu.Lock()
	mended := c.open && !c.probing && time.Now().After(c.until)
	if mended {
		c.open, c.barred, c.far = false, false, false
	}
	c.mu.Unlock()
	if mended {
		c.log.Info("circuit closed by a greeting")
		c.changed()
	}
}

// pause is called with the lock held.
func (c *circuit) pause(d time.Duration, reason string) {
	now := time.Now()
	c.until, c.lastError, c.failedAt = now.Add(d), reason, now
}

// backoff is full jitter below a ceiling that doubles with each failure. It is called with the lock held.
func (c *circuit) backoff() time.Duration {
	ceiling := c.backoffMax
	if doublings := c.failures - 1; doublings < 20 {
		ceiling = min(ceiling, backoffBase<<doublings)
	}
	return rand.N(ceiling)
}

// circuitState is a snapshot for reports and metrics.
type circuitState struct {
	name      string
	barred    bool
	lastError string
	failedAt  time.Time
	until     time.Time // when open: the next try
}

func (c *circuit) state() circuitState {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := circuitState{name: circuitClosed, barred: c.barred, lastError: c.lastError, failedAt: c.failedAt}
	if c.open {
		s.name, s.until = circuitOpen, c.until
		if c.probing {
			s.name = circuitHalfOpen
		}
	}
	return s
}

// sleep waits for d, if more than 0, or for wake, or for the end of ctx, which is its only error.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	var over <-chan time.Time
	if d > 0 {
		over = time.After(d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-over:
	case <-wake:
	}
	return nil
}
