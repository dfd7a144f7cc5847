package bridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// filterStatuses are what a web filter may answer to a body that it does not like.
var filterStatuses = []int{200, 302, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415, 422, 425, 429, 431, 451, 500, 502, 503}

// rejected is what a web filter shows to people.
func rejected(status int) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "3")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html><h1>Request rejected</h1>")
	}
}

// greeting has the peer greeted all the while, as a bridge does.
func greeting(t *testing.T, p *pair) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c := &clerk{pipe: p.pipe}
		for c.greet(ctx); sleep(ctx, claimEvery, nil) == nil; c.greet(ctx) {
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// TestAWebFilterHarmsOnlyTheOrderThatItRefuses: of 21 orders in a burst and three later ones, all but one
// arrive, and that one is given back and shows why.
func TestAWebFilterHarmsOnlyTheOrderThatItRefuses(t *testing.T) {
	for _, status := range filterStatuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
				defer greeting(t, p)()
				burst := hints(21)
				p.edit(burst, 1)
				p.remote.set(func() { breaking(p.remote, orderID(13), rejected(status)) })
				stop, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				p.settle(stop, t.Context(), messages(burst))
				require.Equal(t, map[string]int{"ack": 20, "nak": 1}, tally(burst))
				require.Equal(t, "nak", burst[13].done)
				require.Positive(t, burst[13].delay)
				require.Empty(t, p.local.refused, "what a filter refuses is no permanent loss")

				later := []*hintOf{hint(orderID(30), 1), hint(orderID(31), 1), hint(orderID(13), 3), hint(orderID(32), 1)}
				p.edit(later, 1)
				p.settle(stop, t.Context(), messages(later))
				require.Equal(t, map[string]int{"ack": 3, "nak": 1}, tally(later))
				require.NotEqual(t, circuitOpen, p.circuit.state().name)

				call := p.pipe.remote.failed.last()[0]
				for _, c := range p.pipe.remote.failed.last() {
					if len(c.Orders) == 1 {
						call = c
						break
					}
				}
				require.Equal(t, []string{orderID(13)}, call.Orders, "its last attempt is shown")
				require.EqualValues(t, status, call.Status)
				require.Empty(t, call.Validate())

				p.remote.set(func() { p.remote.instead = nil })
				again := []*hintOf{hint(orderID(13), 4)}
				p.run(again)
				require.Equal(t, map[string]int{"ack": 1}, tally(again))
				p.requireEqual(t)
			})
		})
	}
}

// TestASingleOrderThatIsAskedToWaitMakesTheOthersWait: where others pass, a gateway may count requests all the same.
// An order that is asked again and again is refused for what it says.
func TestASingleOrderThatIsAskedToWaitMakesTheOthersWait(t *testing.T) {
	for _, status := range []int{429, 503} {
		for deliveries, waits := range map[int]bool{1: true, blockedSurely: false} {
			t.Run(fmt.Sprint(status, deliveries), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPair(t)
					p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
					all := []*hintOf{hint(orderID(0), deliveries)}
					p.edit(all, 1)
					door := p.pipe.remote.door
					door.limited.Store(time.Now().UnixNano())
					door.passed.Store(time.Now().Add(time.Second).UnixNano()) // by another worker
					p.remote.set(func() {
						breaking(p.remote, orderID(0), func(w http.ResponseWriter) {
							w.Header().Set("Retry-After", "7")
							w.WriteHeader(status)
						})
					})
					p.run(all)
					require.Equal(t, "nak", all[0].done)
					p.circuit.leave(false, response{verdict: settled}) // of a worker that began before
					began := time.Now()
					next := []*hintOf{hint(orderID(1), 1)}
					p.edit(next, 1)
					p.run(next)
					require.Equal(t, "ack", next[0].done)
					require.Equal(t, waits, time.Since(began) >= 7*time.Second)
				})
			})
		}
	}
}

// TestAWebFilterBeforeTheOwnService: answers hold contents as well, where both sides changed an order.
func TestAWebFilterBeforeTheOwnService(t *testing.T) {
	for _, status := range filterStatuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
				defer greeting(t, p)()
				all := hints(21)
				p.edit(all, 1)
				filters := func(w http.ResponseWriter, r *http.Request) bool {
					data, err := io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(data)))
					if err != nil || !strings.Contains(string(data), orderID(13)) || !strings.Contains(string(data), `"entries"`) {
						return false
					}
					rejected(status)(w)
					return true
				}
				p.local.set(func() { p.local.instead = filters })
				stop, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				p.settle(stop, t.Context(), messages(all))
				require.Equal(t, map[string]int{"ack": 20, "nak": 1}, tally(all))
				require.Equal(t, "nak", all[13].done)
			})
		})
	}
}

// TestAShutDoorStaysAStateOfTheLink: where an empty batch is refused as well, no order is blamed.
func TestAShutDoorStaysAStateOfTheLink(t *testing.T) {
	for status, want := range map[int]verdict{
		503: overloaded,
		200: retry, 302: misdirected, 401: unauthorized, 403: unauthorized, 404: misdirected, 408: retry, 429: wait, 451: misdirected,
	} {
		p := newPair(t)
		all := hints(3)
		p.edit(all, 1)
		p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			rejected(status)(w)
			return true
		}
		r := p.try(t.Context(), p.receive(messages(all)))
		require.Equal(t, want, r.verdict, status)
	}
}

// TestAnEmptyAnswerOfSomebodyElseOpensNoDoor: an answer that is JSON is not yet the peer's.
func TestAnEmptyAnswerOfSomebodyElseOpensNoDoor(t *testing.T) {
	for name, empty := range map[string]string{"no batch": `{"ok":true}`, "another side": `{"side":"c","entries":[]}`, "with an entry": `{"side":"b","entries":[{}]}`} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			all := hints(3)
			p.edit(all, 1)
			p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				jsonBody(http.StatusOK, empty)(w)
				return true
			}
			r := p.try(t.Context(), p.receive(messages(all)))
			require.Equal(t, retry, r.verdict)
		})
	}
}

// TestThePeersOwnRefusalIsNotBlamedOnContents: a problem document of a service means what it says.
func TestThePeersOwnRefusalIsNotBlamedOnContents(t *testing.T) {
	p := newPair(t)
	all := hints(3)
	p.edit(all, 1)
	breaking(p.remote, orderID(1), func(w http.ResponseWriter) { refuse(w, http.StatusForbidden, "Not allowed", "") })
	r := p.try(t.Context(), p.receive(messages(all)))
	require.Equal(t, unauthorized, r.verdict)
}

// filter is a proxy that refuses bodies with a script in them.
func filter(t *testing.T, to http.Handler, status int) *httptest.Server {
	at, err := url.Parse(serve(t, to).URL)
	require.NoError(t, err)
	onward := httputil.NewSingleHostReverseProxy(at)
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		if strings.Contains(string(data), "<script>") {
			rejected(status)(w)
			return
		}
		onward.ServeHTTP(w, r)
	}))
}

// TestAProxyThatFilters is the same over real connections, with an order that says something forbidden.
func TestAProxyThatFilters(t *testing.T) {
	for _, status := range []int{401, 403, 404, 406, 451} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			p := newPair(t)
			p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
			p.pipe = pipeTo(t, p, newClient("remote", filter(t, p.remote, status).URL, remoteToken, 1, p.pipe.local.failed, p.metrics.observe))
			p.findDoors()
			all := hints(21)
			p.edit(all, 1)
			p.local.orders = map[string]*contracts.Order{orderID(13): {CustomerNote: "<script>alert(1)</script>", Lines: []contracts.Line{}}}
			stop, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			p.settle(stop, t.Context(), messages(all))
			require.Equal(t, map[string]int{"ack": 20, "nak": 1}, tally(all))
			later := []*hintOf{hint(orderID(30), 1), hint(orderID(31), 1), hint(orderID(32), 1)}
			p.edit(later, 1)
			p.settle(stop, t.Context(), messages(later))
			require.Equal(t, map[string]int{"ack": 3}, tally(later))
		})
	}
}

// TestAFilteredOrderDoesNotEndAReconciliation: the others are repaired.
func TestAFilteredOrderDoesNotEndAReconciliation(t *testing.T) {
	for _, status := range []int{302, 403, 404, 451} {
		p := newPair(t)
		p.log = zap.NewNop()
		all := hints(21)
		p.edit(all, 1)
		breaking(p.remote, orderID(13), rejected(status))
		ids := make([]string, len(all))
		for i, m := range all {
			ids[i] = m.id
		}
		sent, rest, err := p.present(t.Context(), "r-1", ids)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.NoError(t, p.exchange(t.Context(), "r-1", sent, ""))
		require.Len(t, p.local.agreed, 20)
		require.NotContains(t, p.local.agreed, orderID(13))
	}
}
