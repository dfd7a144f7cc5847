//go:build linux

package demo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// part is one running process of the demo: a child, or a PostgreSQL.
type part interface {
	PID() int
	Done() <-chan struct{}
	Err() error // how it ended, after Done
	Stop() error
}

// keeper starts a part, and starts it again whenever it ends by itself.
type keeper struct {
	name  string // for people: "service a"
	log   string // file with what the part says
	start func(context.Context) (part, error)
	say   func(format string, args ...any)
	again func() // called after each further start

	died     chan struct{} // closed when the part ended by itself for the first time
	diedOnce sync.Once
	halt     context.CancelFunc
	watcher  sync.WaitGroup

	mu      sync.Mutex
	present part
}

// run starts the part for the first time, and watches over it from then on.
func (k *keeper) run(ctx context.Context) error {
	p, err := k.start(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	k.died = make(chan struct{})
	k.set(p)
	watching, halt := context.WithCancel(context.WithoutCancel(ctx)) // until stop, which has an order
	k.halt = halt
	k.watcher.Go(func() { k.watch(watching, p) })
	return nil
}

func (k *keeper) watch(ctx context.Context, p part) {
	var pause backoff
	for {
		started := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-p.Done():
		}
		k.diedOnce.Do(func() { close(k.died) })
		why := "it ended by itself"
		if err := p.Err(); err != nil {
			why = err.Error()
		}
		lived := time.Since(started)
		for {
			wait := pause.next(lived)
			k.say("%s ended (%s); it is started again in %s", k.name, why, wait)
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			next, err := k.start(ctx)
			if err == nil {
				p = next
				break
			}
			if ctx.Err() != nil {
				return
			}
			why, lived = err.Error(), 0
		}
		k.set(p)
		k.say("%s runs again, process %d", k.name, p.PID())
		k.again()
	}
}

func (k *keeper) set(p part) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.present = p
}

func (k *keeper) pid() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.present.PID()
}

// stop ends the watch, then the part. A keeper that never ran has nothing to stop.
func (k *keeper) stop() error {
	if k.halt == nil {
		return nil
	}
	k.halt()
	k.watcher.Wait()
	if err := k.present.Stop(); err != nil {
		return fmt.Errorf("%s: %w", k.name, err)
	}
	return nil
}

// backoff grows from a blink to a few seconds while a part keeps ending soon after its start.
type backoff struct {
	last time.Duration
}

const (
	backoffMin   = 200 * time.Millisecond
	backoffMax   = 5 * time.Second
	livedWell    = 10 * time.Second
	backoffTimes = 2
)

func (b *backoff) next(lived time.Duration) time.Duration {
	if lived >= livedWell {
		b.last = 0
	}
	b.last = min(max(backoffMin, b.last*backoffTimes), backoffMax)
	return b.last
}
