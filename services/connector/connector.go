package connector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/entries"
)

// Mode is what a connector may do.
type Mode string

// The modes.
const (
	Off    Mode = "off"     // not one request
	DryRun Mode = "dry-run" // reads the system and reports what it would do; changes nothing on either side
	On     Mode = "on"
)

// Modes lists the modes.
var Modes = []Mode{Off, DryRun, On}

// Options are the settings of a connector.
type Options struct {
	Side string // name of the side: ids of orders that were born in the system are made of it
	Mode Mode
	// Poll is the pause between looks for changes, Sweep the time between reads of all orders.
	Poll, Sweep time.Duration
	// Gone is the time after which an order that the system does not have is asked for again before it counts as
	// deleted.
	Gone time.Duration
	Now  func() time.Time
	// Webhook says how the system's notices are signed; without a secret none is taken.
	Webhook Webhook
	// At is called at named points between two steps of a write. What it fails with is what a crash there would leave.
	At func(point string) error
}

// Connector stands between a side's Orders service and a system.
type Connector struct {
	o       Options
	system  foreign.System
	mapping foreign.Mapping
	records Records
	service *orders.Service
	locks   locks
	wake    chan struct{} // somebody says that something changed in the system
	leads   atomic.Bool
	log     *zap.Logger

	mu      sync.Mutex
	hinted  map[string]bool      // ids of the system that somebody says have changed
	recent  map[string]*sighting // candidates of the last polls
	waitFor time.Time            // the system wants no call before
	strays  map[stray]int        // in a row
	figures figures
}

// New makes the connector of a side. Use has to be called before anything else.
func New(o Options, system foreign.System, mapping foreign.Mapping, records Records, log *zap.Logger) *Connector {
	if o.At == nil {
		o.At = func(string) error { return nil }
	}
	c := &Connector{
		o: o, mapping: mapping, records: records, locks: locks{held: map[uuid.UUID]*lock{}}, wake: make(chan struct{}, 1),
		hinted: map[string]bool{}, recent: map[string]*sighting{}, strays: map[stray]int{}, figures: newFigures(), log: log.Named("connector"),
	}
	c.system = newLimited(system, c)
	return c
}

// Use gives the connector the service whose orders it fills. The service has the connector as its orders.Outside.
func (c *Connector) Use(service *orders.Service) { c.service = service }

// Lock implements orders.Outside.
func (c *Connector) Lock(ctx context.Context, ids []uuid.UUID) (unlock func(), err error) {
	unlock, err = c.locks.lock(ctx, ids)
	if err != nil {
		return nil, unavailable(0, "another change of the order is under way")
	}
	return unlock, nil
}

// idOf is the id of an order that was born in the system: the same whenever it is asked, so that a connector which
// lost its database makes no second order of one.
func (c *Connector) idOf(foreignID string) uuid.UUID {
	side := uuid.NewSHA1(uuid.NameSpaceURL, []byte("orderbridge:"+c.o.Side))
	return uuid.NewSHA1(side, []byte(foreignID))
}

func unavailable(after time.Duration, message string) *orders.Error {
	return &orders.Error{Kind: orders.OutsideUnavailable, After: after, Message: message}
}

// refused is what the system, or the mapping, does not take.
func refused(reason string) *orders.Error {
	return &orders.Error{Kind: orders.OutsideRefused, Message: entries.Clean(reason, contracts.ReasonLengthMax)}
}
