package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// message is a hint as the broker delivered it; consumer.go has the real one.
type message interface {
	Subject() string
	Data() []byte
	Deliveries() int // this one included
	Ack() error
	NakWithDelay(time.Duration) error
	InProgress() error
	TermWithReason(string) error
}

// order is one order that waits, with all its hints in the batch: the newest speaks for the others,
// as a lookup tells the present state whatever a hint was about.
type order struct {
	id       string
	hints    []message
	released atomic.Bool // acknowledged or given back; nothing is done to its hints after it
}

// readHint finds out which order a message is about. Only what names it is looked at: a newer
// service may say more in a hint, and the lookup tells the rest.
func readHint(m message, side, peer string) (id string, err error) {
	id = strings.TrimPrefix(m.Subject(), contracts.HintSubjectPrefix+peer+".")
	if isUUID(id) && asWritten(m.Data(), id, side, peer) {
		return id, nil
	}
	var hint contracts.Hint
	if err := json.Unmarshal(m.Data(), &hint); err != nil {
		return "", errors.New("not a hint")
	}
	switch {
	case hint.Side != side || hint.Peer != peer:
		return "", errors.New("a hint for another bridge")
	case m.Subject() != contracts.HintSubject(peer, hint.ID):
		return "", errors.New("subject and order do not fit together")
	case !isUUID(hint.ID):
		return "", errors.New("not the id of an order")
	}
	return hint.ID, nil
}

// asWritten reports whether a service of the same contract wrote a hint of an order, without decoding all of it, which
// takes many times as long. The quotes of a text within it are escaped, so none can look like these members.
func asWritten(data []byte, id, side, peer string) bool {
	return bytes.HasPrefix(data, []byte(`{"id":"`+id+`","version":"`)) && bytes.Contains(data, []byte(`","side":"`+side+`","peer":"`+peer+`","time":"`))
}

// isUUID takes the one way in which services write an id.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// deliveries is how often the newest hint was delivered, which is the one least often delivered. An order
// of a reconciliation has none.
func (o *order) deliveries() int {
	if len(o.hints) == 0 {
		return 1
	}
	n := o.hints[0].Deliveries()
	for _, m := range o.hints[1:] {
		n = min(n, m.Deliveries())
	}
	return n
}

// acknowledge tells the broker that the order is done. An error only means a redelivery.
func (o *order) acknowledge() error {
	o.released.Store(true)
	var errs []error
	for _, m := range o.hints {
		errs = append(errs, m.Ack())
	}
	return errors.Join(errs...)
}

// giveBack lets the broker deliver the hints again after a delay. An error only means that it takes
// until the AckWait is over.
func (o *order) giveBack(delay time.Duration) error {
	o.released.Store(true)
	var errs []error
	for _, m := range o.hints {
		errs = append(errs, m.NakWithDelay(delay))
	}
	return errors.Join(errs...)
}

// delay is how long an order that failed alone stays away: longer each time, up to delayMax.
func (o *order) delay(delayMax time.Duration) time.Duration {
	d := delayMax
	if doublings := o.deliveries() - 1; doublings < 20 {
		d = min(d, time.Second<<max(0, doublings))
	}
	return d/2 + rand.N(d/2+1)
}

// keepAlive tells the broker regularly that the orders are being worked on, so that it does not
// deliver them to somebody else; until stop is called.
func keepAlive(orders []*order, every time.Duration) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for _, o := range orders {
				for _, m := range o.hints {
					if !o.released.Load() {
						_ = m.InProgress() // without it the hint comes again, which does no harm
					}
				}
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}
