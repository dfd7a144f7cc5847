package admin

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

const (
	lookEvery    = time.Second
	listenersMax = 500
	// streamCheck is how often a stream looks whether its listener may still listen.
	streamCheck = 2 * time.Second
	// streamFor is how long one stream lasts: shorter than a request may. Whoever listens comes again by
	// itself, and is told at once how things stand.
	streamFor = 25 * time.Second
)

// changes looks whether anything has changed, while somebody listens, and tells all who do.
type changes struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
	mark      string // what there was at the last look
}

func newChanges() *changes {
	return &changes{listeners: map[chan struct{}]struct{}{}}
}

// listen gives nothing when too many listen.
func (c *changes) listen() (heard chan struct{}, stop func()) {
	heard = make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.listeners) == listenersMax {
		return nil, nil
	}
	c.listeners[heard] = struct{}{}
	return heard, func() {
		c.mu.Lock()
		delete(c.listeners, heard)
		c.mu.Unlock()
	}
}

func (c *changes) heard() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.listeners) > 0
}

// seen tells the listeners when the mark is another one than before.
func (c *changes) seen(mark string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark == c.mark {
		return
	}
	c.mark = mark
	for l := range c.listeners {
		select {
		case l <- struct{}{}:
		default: // it has not taken the last one yet
		}
	}
}

// Watch looks for changes until ctx is done.
func (a *Admin) Watch(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	defer close(a.ending) // a stream must not hold up the end
	for {
		if a.changes.heard() {
			a.changes.seen(a.mark(ctx))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// mark is a text that is another one when something has changed that a page could show.
func (a *Admin) mark(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stored, err := a.store.Mark(ctx)
	if err != nil {
		return "failed"
	}
	broker, consumers := a.broker.Status(ctx)
	mark := fmt.Sprint(stored, broker.Connected, broker.Error)
	for _, p := range a.peers {
		mark += fmt.Sprint(p.Name, consumers[p.Name].PausedUntil != nil)
		for _, b := range a.broker.Bridges(p.Name) {
			mark += fmt.Sprint(b.Instance, b.State, b.Circuit, b.LastError, b.RetryAt)
		}
	}
	return mark
}

// Events streams that something has changed, at most once a second (server-sent events). What has
// changed is for whoever listens to ask. It takes no turn, as it lasts: who mounts it knows. It ends when
// still reports that the caller is not the one any more that the gate let through.
func (a *Admin) Events(still func(*http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := httpapi.NewQuery(r).Err(); err != nil {
			httpapi.Fail(w, r, a.log, err)
			return
		}
		a.stream(w, r, still)
	}
}

func (a *Admin) stream(w http.ResponseWriter, r *http.Request, still func(*http.Request) bool) {
	heard, stop := a.changes.listen()
	if heard == nil {
		w.Header().Set("Retry-After", "10")
		httpapi.WriteProblem(w, r, http.StatusTooManyRequests, "too-many-requests", "too many listen already")
		return
	}
	defer stop()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	end, sample, check := time.NewTimer(streamFor), time.NewTicker(sampleEvery), time.NewTicker(streamCheck)
	defer end.Stop()
	defer sample.Stop()
	defer check.Stop()
	for event := "changed"; still(r); {
		if event != "" {
			_, err := fmt.Fprintf(w, "retry: 500\nevent: %s\ndata: {\"at\":\"%s\"}\n\n", event, a.now().UTC().Format(time.RFC3339Nano))
			if err == nil {
				err = out.Flush()
			}
			if err != nil { // the listener is gone; there is nobody to tell
				return
			}
		}
		select {
		case <-heard:
			event = "changed"
		case <-sample.C:
			event = "sample"
		case <-check.C:
			event = ""
		case <-end.C:
			return
		case <-a.ending:
			return
		case <-r.Context().Done():
			return
		}
	}
}
