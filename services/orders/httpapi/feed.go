package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// Limits of requests that wait for changes. A waiting one holds no turn and no database connection.
const (
	feedLookEvery  = 200 * time.Millisecond
	feedWaitersMax = 500
	feedWaitsEach  = 50 // of one caller
)

// feed wakes the requests that wait for a change of any order.
type feed struct {
	mu      sync.Mutex
	end     int64         // number up to which the log was complete at the last look
	moved   chan struct{} // closed when the end is another one
	ending  chan struct{} // closed when the process stops
	waiters map[string]int
	waiting int
}

func newFeed() *feed {
	return &feed{moved: make(chan struct{}), ending: make(chan struct{}), waiters: map[string]int{}}
}

// enter registers a caller who waits. It reports false if too many do.
func (f *feed) enter(caller string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting == feedWaitersMax || f.waiters[caller] == feedWaitsEach {
		return false
	}
	f.waiting++
	f.waiters[caller]++
	return true
}

func (f *feed) leave(caller string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting--
	if f.waiters[caller]--; f.waiters[caller] == 0 {
		delete(f.waiters, caller)
	}
}

// next returns a channel that is closed when the log has a new end. Take it before reading the log.
func (f *feed) next() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

// look wakes who waits if the log has a new end. Nobody looks while nobody waits.
func (f *feed) look(ctx context.Context, end func(context.Context) (int64, error)) {
	f.mu.Lock()
	idle := f.waiting == 0
	f.mu.Unlock()
	if idle {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	now, err := end(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && now == f.end {
		return
	}
	if err == nil {
		f.end = now
	}
	close(f.moved) // a database that fails is for the readers to report
	f.moved = make(chan struct{})
}

// Watch looks for changes while requests wait for them, until ctx is done. Then it ends those requests.
func (a *API) Watch(ctx context.Context) error {
	tick := time.NewTicker(feedLookEvery)
	defer tick.Stop()
	defer close(a.feed.ending)
	for {
		a.feed.look(ctx, a.service.LogEnd)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Changes puts the change feed below r, behind authentication. A request takes one of the turns whenever it reads,
// and none while it waits.
func (a *API) Changes(r chi.Router, turns func(http.Handler) http.Handler) {
	r.With(Allow(access.Client, access.Viewer, access.Operator, access.Admin)).
		Get("/orders/changes", func(w http.ResponseWriter, r *http.Request) { a.listChanges(w, r, turns) })
}

func (a *API) listChanges(w http.ResponseWriter, r *http.Request, turns func(http.Handler) http.Handler) {
	q := NewQuery(r)
	query := orders.LogQuery{Limit: q.Limit(), After: q.logCursor(), Bodies: true}
	patience := q.seconds("wait", contracts.ChangesWaitMax)
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if patience > 0 {
		caller := CallerOf(r.Context()).Actor
		if !a.feed.enter(caller) {
			WriteProblem(w, r, http.StatusTooManyRequests, "too-many-requests", "too many requests wait for changes already")
			return
		}
		defer a.feed.leave(caller)
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for last := patience == 0; ; {
		moved := a.feed.next()
		var page *orders.LogPage
		var err error
		turns(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			page, err = a.service.Transactions(r.Context(), query)
		})).ServeHTTP(w, r)
		switch {
		case err != nil:
			Fail(w, r, a.log, err)
			return
		case page == nil: // there was no turn, and the caller was told
			return
		case last || len(page.Orders) > 0:
			a.answer(w, r, a.writeChanges(w, r, page))
			return
		}
		if query.After = page.Cursor; page.More {
			continue
		}
		select {
		case <-moved:
		case <-enough.C:
			last = true
		case <-a.feed.ending:
			last = true
		case <-r.Context().Done():
			return // the caller is gone
		}
	}
}

// writeChanges answers with a page of the log and the orders' contents.
func (a *API) writeChanges(w http.ResponseWriter, r *http.Request, page *orders.LogPage) error {
	out := struct {
		Orders []jsontext.Value `json:"orders"`
		Cursor string           `json:"cursor"`
		Next   string           `json:"next,omitzero"`
	}{Orders: make([]jsontext.Value, len(page.Orders)), Cursor: page.Cursor.String()}
	for i, st := range page.Orders {
		v, err := orderView(st)
		if err != nil {
			return fmt.Errorf("show order %s: %w", st.ID, err)
		}
		out.Orders[i] = v
	}
	if page.More {
		out.Next = NextPage(w, r, "after", out.Cursor)
	}
	return WriteJSON(w, http.StatusOK, out)
}
