package bridge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func TestHintsAreSettledOnceForEachOrder(t *testing.T) {
	p := newPair(t)
	all := append(hints(3), hint(orderID(0), 2)) // one order twice
	p.edit(all, 7)
	p.run(all)
	require.Equal(t, map[string]int{"ack": 4}, tally(all))
	require.Equal(t, []string{"lookup 3", "put b 3"}, p.local.requests)
	require.Equal(t, []string{"put a 3"}, p.remote.requests)
	p.requireEqual(t)
	require.Equal(t, int64(3), p.delivered.Load())
}

func TestNothingPendingIsAcknowledgedWithoutAskingTheRemoteSide(t *testing.T) {
	p := newPair(t)
	all := hints(5)
	p.run(all)
	require.Equal(t, map[string]int{"ack": 5}, tally(all))
	require.Empty(t, p.remote.requests)
}

func TestWhatIsNoHintIsDropped(t *testing.T) {
	p := newPair(t)
	all := hints(2)
	all[0].data = []byte("<html>")
	p.edit(all[1:], 1)
	p.run(all)
	require.Equal(t, map[string]int{"ack": 1, "term": 1}, tally(all))
	p.run(all[:0])
}

func TestOnePoisonHarmsOnlyItself(t *testing.T) {
	p := newPair(t)
	all := hints(256)
	p.edit(all, 1)
	p.remote.poison[orderID(133)] = true
	p.run(all)
	require.Equal(t, map[string]int{"ack": 256}, tally(all))
	require.Equal(t, map[string]string{orderID(133): "Content not accepted: lines must not be empty"}, p.local.refused)
	require.Len(t, p.local.agreed, 255)
	require.LessOrEqual(t, p.remote.count("put"), 10+4, "ten to find it, the rest after it in growing pieces, and no more")
}

func TestFiftyPoisonsLikewise(t *testing.T) {
	p := newPair(t)
	all := hints(500)
	p.edit(all, 1)
	for i := range 50 {
		p.remote.poison[orderID(i*9)] = true
	}
	p.run(all)
	require.Equal(t, map[string]int{"ack": 500}, tally(all))
	require.Len(t, p.local.refused, 50)
	require.Len(t, p.local.agreed, 450)
}

// breaking makes a service answer in its own way to whatever holds the text.
func breaking(s *service, text string, answer func(w http.ResponseWriter)) {
	s.instead = func(w http.ResponseWriter, r *http.Request) bool {
		data, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		if err != nil || !strings.Contains(string(data), text) {
			return false
		}
		answer(w)
		return true
	}
}

func TestAnOrderAtWhichTheRemoteBreaksHarmsOnlyItselfAndIsNoError(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"500":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"HTML 400": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) },
		"HTML 413": func(w http.ResponseWriter) { w.WriteHeader(http.StatusRequestEntityTooLarge) },
		"half an answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"side":"b","entries":[`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				all := hints(256)
				p.edit(all, 1)
				breaking(p.remote, orderID(77), answer)
				p.run(all)
				require.Equal(t, map[string]int{"ack": 255, "nak": 1}, tally(all))
				require.Equal(t, "nak", all[77].done)
				require.Positive(t, all[77].delay)
				require.Empty(t, p.local.refused)
				require.Len(t, p.local.agreed, 255)
			})
		})
	}
}

func TestAnOutageKeepsTheBatchInHand(t *testing.T) {
	down := func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }
	for name, breakDown := range map[string]func(p *pair){
		"remote":    func(p *pair) { breaking(p.remote, "", down) },
		"lookup":    func(p *pair) { breaking(p.local, `"ids"`, down) },
		"local PUT": func(p *pair) { breaking(p.local, `"entries"`, down) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				all := hints(256)
				p.edit(all, 1)
				breakDown(p)
				go func() {
					time.Sleep(10 * time.Minute)
					p.local.set(func() { p.local.instead = nil })
					p.remote.set(func() { p.remote.instead = nil })
				}()
				began := time.Now()
				p.run(all)
				require.Less(t, time.Since(began), 10*time.Minute+31*time.Second, "noticed within one pause")
				n := tally(all)
				require.Equal(t, 256, n["ack"]+n["nak"])
				require.Less(t, n["nak"], 100, "one at most for each probe")
				require.Empty(t, p.local.refused)
				for _, m := range all {
					if m.done == "ack" {
						require.GreaterOrEqual(t, m.progress, 10*60/10-1, "told to be in progress every third of the AckWait")
					}
				}
			})
		})
	}
}

func TestRetryAfterIsKeptAndCountsAsNoFailure(t *testing.T) {
	for status, through := range map[int][]string{
		http.StatusTooManyRequests:    {"put a 3"}, // whole, when it may
		http.StatusServiceUnavailable: {"put a 1", "put a 2"},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.log = zap.NewNop()
				all := hints(3)
				p.edit(all, 1)
				began, times := time.Now(), 0
				p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
					if times++; times > 21 {
						return false
					}
					require.Equal(t, time.Duration(times-1)*7*time.Second, time.Since(began))
					require.Zero(t, p.circuit.failures)
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(status)
					return true
				}
				p.run(all)
				require.Equal(t, map[string]int{"ack": 3}, tally(all))
				require.Equal(t, through, p.remote.requests)
			})
		})
	}
}

func TestWhatIsWrongWithTheLinkIsNeverTheOrdersFault(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405, 406, 301, 302, 307, 410, 415, 451} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t)
				p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
				all := hints(3)
				p.edit(all, 1)
				times := 0
				p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
					if times++; times > 50 {
						return false
					}
					require.Equal(t, times > 1 && status < 404 && status > 400, p.circuit.state().barred)
					refuse(w, status, "No", "go away")
					return true
				}
				began := time.Now()
				p.run(all)
				require.Equal(t, map[string]int{"ack": 3}, tally(all))
				require.Equal(t, []string{"put a 3"}, p.remote.requests, "whole, when it works again")
				require.Empty(t, p.local.refused)
				if status == 401 {
					require.Equal(t, 50*barredProbing, time.Since(began))
				}
			})
		})
	}
}

func TestTheOwnServiceRefusingOneAnswerHarmsOnlyThatOne(t *testing.T) {
	p := newPair(t)
	p.log = zap.NewNop()
	all := hints(100)
	p.edit(all, 1)
	p.local.poison[orderID(42)] = true // of the PUT, not of the lookup
	p.run(all)
	require.Equal(t, map[string]int{"ack": 99, "nak": 1}, tally(all))
	require.Equal(t, "nak", all[42].done)
	require.Equal(t, 1, p.remote.count("put"), "the remote side is asked once")
	require.Equal(t, circuitState{name: circuitClosed}, p.circuit.state())
}

func TestTheOwnServiceRefusingOneLookupHarmsOnlyThatOne(t *testing.T) {
	p := newPair(t)
	p.log = zap.NewNop()
	all := hints(100)
	p.edit(all, 1)
	p.local.instead = func(w http.ResponseWriter, r *http.Request) bool {
		var l contracts.Lookup
		data, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		require.NoError(t, err)
		if strictjson.Decode(data, &l) != nil || !strings.Contains(string(data), orderID(42)) {
			return false
		}
		refuse(w, http.StatusBadRequest, "No such id", "")
		return true
	}
	p.run(all)
	require.Equal(t, map[string]int{"ack": 99, "nak": 1}, tally(all))
	require.Equal(t, "nak", all[42].done)
}

func TestDeferredOrdersAreLookedUpAgain(t *testing.T) {
	p := newPair(t)
	all := hints(10)
	p.edit(all, 1)
	p.local.instead = func(w http.ResponseWriter, r *http.Request) bool {
		var l contracts.Lookup
		data, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		require.NoError(t, err)
		if strictjson.Decode(data, &l) != nil || len(l.IDs) <= 3 {
			return false
		}
		result := contracts.LookupResult{Side: "a", Deferred: l.IDs[3:]}
		for _, id := range l.IDs[:3] {
			result.Entries = append(result.Entries, contracts.Entry{ItemID: id, State: "NEW", Version: contracts.Version{localEpoch: 1}, ItemURI: "/orders/" + id})
		}
		respond(t, w, http.StatusOK, result)
		return true
	}
	p.run(all)
	require.Equal(t, map[string]int{"ack": 10}, tally(all))
	require.Equal(t, []string{"put a 3", "put a 3", "put a 3", "put a 1"}, p.remote.requests)
	p.requireEqual(t)
}

func TestLargeEntriesGoInSeveralRequests(t *testing.T) {
	p := newPair(t)
	all := hints(22)
	p.edit(all, 1)
	p.local.order = &contracts.Order{InternalNote: strings.Repeat("x", 200<<10), Lines: []contracts.Line{}}
	var sizes []int64
	p.remote.instead = func(_ http.ResponseWriter, r *http.Request) bool {
		sizes = append(sizes, r.ContentLength)
		return false
	}
	p.run(all)
	require.Equal(t, map[string]int{"ack": 22}, tally(all))
	require.Len(t, sizes, 2)
	for _, size := range sizes {
		require.LessOrEqual(t, size, int64(contracts.BatchBytesMax))
	}
	p.requireEqual(t)
}

func TestAStoppedBridgeGivesBackWhatItHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		all := hints(5)
		p.edit(all, 1)
		breaking(p.remote, "", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
		stop, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		p.settle(stop, t.Context(), messages(all))
		require.Equal(t, time.Hour, time.Since(began), "at once")
		require.Equal(t, map[string]int{"nak": 5}, tally(all))
		require.Zero(t, all[0].delay)
	})
}

func TestAStoppedBridgeFinishesWhatItHasBegun(t *testing.T) {
	p := newPair(t)
	all := hints(5)
	p.edit(all, 1)
	stop, cancel := context.WithCancel(t.Context())
	p.remote.instead = func(http.ResponseWriter, *http.Request) bool {
		cancel()
		return false
	}
	p.settle(stop, t.Context(), messages(all))
	require.Equal(t, map[string]int{"ack": 5}, tally(all))
}

func TestABridgeThatMustGoGivesBackWhatItCannotFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		all := hints(5)
		p.edit(all, 1)
		stop, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		work, breakOff := context.WithTimeout(t.Context(), 11*time.Second)
		defer breakOff()
		p.remote.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		began := time.Now()
		p.settle(stop, work, messages(all))
		require.Equal(t, 11*time.Second, time.Since(began))
		require.Equal(t, map[string]int{"nak": 5}, tally(all))
		require.Equal(t, circuitState{name: circuitClosed}, p.circuit.state(), "nobody else's fault")
	})
}

func TestARemoteThatNeverAnswersIsLeftAfterTheTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		all := hints(1)
		p.edit(all, 1)
		p.remote.instead = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		began := time.Now()
		p.run(all)
		require.Equal(t, requestTimeout, time.Since(began))
		require.Equal(t, map[string]int{"nak": 1}, tally(all), "alone it lets others by")
	})
}

func TestAPausedBridgeBeginsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		all := hints(5)
		p.edit(all, 1)
		breaking(p.remote, "", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) })
		p.paused = func() bool { return p.circuit.state().name != circuitClosed }
		p.run(all)
		require.Equal(t, map[string]int{"nak": 5}, tally(all))
		require.Equal(t, circuitOpen, p.circuit.state().name, "its turn is given back")
	})
}
