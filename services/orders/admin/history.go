package admin

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// The figures of the last hour are kept in memory: they are for people who watch, and Prometheus has
// the longer story.
const (
	sampleEvery = 5 * time.Second
	samplesMax  = int(time.Hour / sampleEvery)
)

// history is the samples of the last hour.
type history struct {
	mu        sync.Mutex
	samples   map[string][]contracts.Sample // by peer, oldest first
	delivered map[string]map[string]int64   // by peer and bridge, as of the last sample
	counting  bool                          // seen is known
	seen      int64                         // number of the log up to which what came was counted
}

func newHistory() *history {
	return &history{samples: map[string][]contracts.Sample{}, delivered: map[string]map[string]int64{}}
}

// Run takes samples until ctx is done.
func (a *Admin) Run(ctx context.Context) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		if err := a.sample(ctx); err != nil && ctx.Err() == nil {
			a.log.Debug("no sample could be taken", zap.Error(err)) // the gap in the plot tells of it
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *Admin) sample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sampleEvery)
	defer cancel()
	s, err := a.Status(ctx)
	if err != nil {
		return err
	}
	a.past.mu.Lock()
	defer a.past.mu.Unlock()
	from := a.past.seen
	if !a.past.counting {
		from = math.MaxInt64 // only to learn the newest number
	}
	received, seen, err := a.store.ReceivedSince(ctx, from)
	if err != nil {
		return err
	}
	a.past.seen, a.past.counting = seen, true
	for _, p := range s.Peers {
		one := contracts.Sample{At: s.At, Pending: p.Pending, Sent: a.past.sent(p), Received: received[p.Peer]}
		if p.Oldest != nil {
			one.OldestSeconds = p.Oldest.AgeSeconds
		}
		kept := append(a.past.samples[p.Peer], one)
		a.past.samples[p.Peer] = kept[max(0, len(kept)-samplesMax):]
	}
	return nil
}

// sent is what the bridges of a peer settled since the last sample. A bridge that is new has settled
// what it tells of since its own start; one whose report is late has not gone back.
func (h *history) sent(p contracts.PeerStatus) (n int64) {
	before, now := h.delivered[p.Peer], map[string]int64{}
	for _, b := range p.Bridges {
		now[b.Instance] = b.Delivered
		if known, ok := before[b.Instance]; ok || before != nil {
			n += max(0, b.Delivered-known)
		}
	}
	for instance, delivered := range before {
		if _, ok := now[instance]; !ok && len(now) == 0 {
			now[instance] = delivered // it may only be silent for a moment
		}
	}
	h.delivered[p.Peer] = now
	return n
}

func (a *Admin) listHistory(w http.ResponseWriter, r *http.Request) {
	if err := httpapi.NewQuery(r).Err(); err != nil {
		httpapi.Fail(w, r, a.log, err)
		return
	}
	out := contracts.History{EverySeconds: int(sampleEvery / time.Second)}
	a.past.mu.Lock()
	for _, name := range a.names() {
		// Samples are never changed, only dropped: the slice can be read outside.
		out.Peers = append(out.Peers, contracts.PeerHistory{Peer: name, Samples: append([]contracts.Sample{}, a.past.samples[name]...)})
	}
	a.past.mu.Unlock()
	a.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}
