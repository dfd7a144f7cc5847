//go:build linux

package e2e

import (
	"fmt"
	"sync"
	"time"
)

// ledger is what the writers know for certain: which writes were accepted, and by which side.
type ledger struct {
	mu         sync.Mutex
	records    map[string]*record // by order
	accepted   map[string]int     // writes, by side
	troubles   []trouble
	violations []string
}

// record is one order in the ledger.
type record struct {
	shared   bool           // written on both sides at once, so it may collide
	hot      bool           // also resolved and deleted by writers: see hot.go
	accepted map[string]int // writes, by side
	tokens   []string
	deleted  bool
	touched  bool // since it was last verified
}

// trouble is a call that was not answered, or with 503.
type trouble struct {
	at   time.Time
	side string
	err  error
}

func newLedger() *ledger {
	return &ledger{records: map[string]*record{}, accepted: map[string]int{}}
}

func (l *ledger) created(s *side, id string, shared bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[id] = &record{shared: shared, accepted: map[string]int{}}
	l.count(s, id)
}

func (l *ledger) heat(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[id].hot = true
}

func (l *ledger) edited(s *side, id, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[id].tokens = append(l.records[id].tokens, token)
	l.count(s, id)
}

func (l *ledger) deleted(s *side, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[id].deleted = true
	l.count(s, id)
}

func (l *ledger) resolved(s *side, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(s, id)
}

// count is called with the lock held.
func (l *ledger) count(s *side, id string) {
	r := l.records[id]
	r.accepted[s.name]++
	r.touched = true
	l.accepted[s.name]++
}

func (l *ledger) acceptedBy(s *side) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.accepted[s.name]
}

func (l *ledger) trouble(s *side, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = append(l.troubles, trouble{time.Now(), s.name, err})
}

// violation notes what must never be.
func (l *ledger) violation(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, clock()+"  "+fmt.Sprintf(format, args...))
}

// takeTroubles returns the troubles since it was last asked.
func (l *ledger) takeTroubles() []trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	troubles := l.troubles
	l.troubles = nil
	return troubles
}
