package bridge

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	// retriedMax bounds what is remembered of orders that failed alone.
	retriedMax = 1000
	// retriedOverdue is how long after its time an order may fail to come again before it is forgotten: another
	// bridge has it, or nothing is pending any more.
	retriedOverdue = time.Minute
)

// retriedOrders remembers for people which orders failed alone and have to come again. Nothing is decided by it.
type retriedOrders struct {
	mu   sync.Mutex
	byID map[string]contracts.RetriedOrder
}

// failed notes that an order failed alone and comes again after a delay.
func (f *retriedOrders) failed(o *order, target string, r response, reason string, delay time.Duration) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byID == nil {
		f.byID = map[string]contracts.RetriedOrder{}
	}
	before, known := f.byID[o.id]
	if !known && len(f.byID) == retriedMax {
		return
	}
	since := now
	if known {
		since = before.Since
	}
	f.byID[o.id] = contracts.RetriedOrder{
		ID: o.id, Deliveries: int64(o.deliveries()), Since: since, At: now, RetryAt: now.Add(delay).Truncate(time.Microsecond),
		Target: target, Status: int64(r.status), Reason: reason, Verdict: r.verdict.String(),
	}
}

// settled forgets an order that got through.
func (f *retriedOrders) settled(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byID, id)
}

// last lists the orders that have to come again, the most often delivered first.
func (f *retriedOrders) last() []contracts.RetriedOrder {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []contracts.RetriedOrder
	for id, o := range f.byID {
		if time.Since(o.RetryAt) > retriedOverdue {
			delete(f.byID, id)
			continue
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(x, y contracts.RetriedOrder) int {
		return cmp.Or(cmp.Compare(y.Deliveries, x.Deliveries), cmp.Compare(x.ID, y.ID))
	})
	return list[:min(len(list), contracts.RetriedOrdersMax)]
}
