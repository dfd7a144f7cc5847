package bridge

import (
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// Handshakes fail for good, in the eyes of people, after some in a row, or when the first of them began so
// long ago: one that nobody answers takes a while to fail.
const (
	handshakesMax = 3
	handshakeSlow = 10 * time.Second
)

// handshakes remembers how the handshakes with the peer go. Where nothing is pending, nothing else shows that
// the peer is away.
type handshakes struct {
	mu      sync.Mutex
	passed  time.Time
	failing contracts.HandshakeFailure // the failures since then
	barred  bool                       // the last one failed because of a token
}

// note takes in how a handshake ended that began at a time. Reason is empty where it passed.
func (h *handshakes) note(began time.Time, reason string, barred bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if reason == "" {
		h.passed, h.failing, h.barred = time.Now().UTC(), contracts.HandshakeFailure{}, false
		return
	}
	if h.failing.Count == 0 {
		h.failing.Since = began.UTC()
	}
	h.failing.Count++
	h.failing.Reason, h.barred = reason, barred
}

// handshakeState is a snapshot for reports and metrics.
type handshakeState struct {
	passed  time.Time
	failing *contracts.HandshakeFailure // nil while they pass
	barred  bool
}

func (h *handshakes) state() handshakeState {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := handshakeState{passed: h.passed}
	if f := h.failing; f.Count >= handshakesMax || f.Count > 0 && time.Since(f.Since) > handshakeSlow {
		s.failing, s.barred = &f, h.barred
	}
	return s
}
