package postgres

import (
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// openCount is the last answer, where so much is open that it is told again for a moment.
type openCount struct {
	mu    sync.Mutex
	last  orders.Counts
	many  bool
	until time.Time
	mark  string // of the last look for changes
	turn  int    // another one since something had changed
}

// again gives the last answer while it is trusted, and tells whether very much was open then.
func (k *openCount) again() (last *orders.Counts, many bool, turn int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.many && time.Now().Before(k.until) {
		c := k.last
		last = &c
	}
	return last, k.many && last == nil, k.turn
}

// keep keeps an answer, and for how long it is trusted, unless something has changed since it was begun.
func (k *openCount) keep(c orders.Counts, cost time.Duration, turn int) {
	var open int64
	for _, states := range c.States {
		open += sum(states) - states[ordersync.OK] - states[ordersync.DelSynced]
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.many = open >= openMany; turn == k.turn {
		k.last, k.until = c, time.Now().Add(min(countTrust*cost, openTrust))
	}
}

// looked forgets the answer when a look for changes has found some: who is told of them asks at once.
func (k *openCount) looked(mark string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if mark != k.mark {
		k.mark, k.until = mark, time.Time{}
		k.turn++
	}
}
