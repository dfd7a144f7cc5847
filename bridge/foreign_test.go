package bridge

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// jsonBody answers with a text as JSON.
func jsonBody(status int, text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

// rightAnswer is what the remote side should say to orders 0, 1 and 2 at version 5, after a change.
func rightAnswer(change func(b *contracts.Batch)) string {
	b := contracts.Batch{Side: "b"}
	for i := range 3 {
		v := contracts.Version{localEpoch: 5}
		b.Entries = append(b.Entries, contracts.Entry{ItemID: orderID(i), State: "OK", Version: v, ItemURI: "/orders/" + orderID(i), AnswerTo: v})
	}
	change(&b)
	data, err := strictjson.Encode(b)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func changed(change func(b *contracts.Batch)) func(http.ResponseWriter) {
	return jsonBody(http.StatusOK, rightAnswer(change))
}

func asIs(*contracts.Batch) {}

// foreignAnswers are the ways in which something that is not the peer, or not well, answers a PUT.
var foreignAnswers = map[string]func(http.ResponseWriter){
	"HTML 200": func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Welcome to our wireless network"))
	},
	"HTML that says it is JSON":   jsonBody(200, "<html>"),
	"the right answer as text":    func(w http.ResponseWriter) { _, _ = w.Write([]byte(rightAnswer(asIs))) },
	"empty 200":                   func(w http.ResponseWriter) { w.WriteHeader(200) },
	"empty JSON 200":              jsonBody(200, ""),
	"empty object":                jsonBody(200, "{}"),
	"null":                        jsonBody(200, "null"),
	"an array":                    jsonBody(200, "[]"),
	"an error in 200":             jsonBody(200, `{"error":"busy"}`),
	"cut short":                   jsonBody(200, rightAnswer(asIs)[:200]),
	"cut by one byte":             jsonBody(200, rightAnswer(asIs)[:len(rightAnswer(asIs))-1]),
	"cut on the wire":             cutOnTheWire,
	"two answers in one":          jsonBody(200, rightAnswer(asIs)+rightAnswer(asIs)),
	"a name twice":                jsonBody(200, strings.Replace(rightAnswer(asIs), `"state":"OK"`, `"state":"NEW","state":"OK"`, 1)),
	"an unknown name":             jsonBody(200, strings.Replace(rightAnswer(asIs), `"state":"OK"`, `"State":"OK"`, 1)),
	"nested too deep":             jsonBody(200, strings.Replace(rightAnswer(asIs), `"state":"OK"`, `"state":"OK","order":`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), 1)),
	"another side":                changed(func(b *contracts.Batch) { b.Side = "c" }),
	"our own side":                changed(func(b *contracts.Batch) { b.Side = "a" }),
	"an answer missing":           changed(func(b *contracts.Batch) { b.Entries = b.Entries[:2] }),
	"no answers":                  changed(func(b *contracts.Batch) { b.Entries = nil }),
	"an answer too many":          changed(func(b *contracts.Batch) { b.Entries = append(b.Entries, b.Entries[0]) }),
	"one id twice":                changed(func(b *contracts.Batch) { b.Entries[1] = b.Entries[0] }),
	"a foreign id":                changed(func(b *contracts.Batch) { b.Entries[1].ItemID = orderID(9) }),
	"another order":               changed(func(b *contracts.Batch) { b.Entries[0], b.Entries[1] = b.Entries[1], b.Entries[0] }),
	"about an older version":      changed(func(b *contracts.Batch) { b.Entries[2].AnswerTo = contracts.Version{localEpoch: 4} }),
	"about no version":            changed(func(b *contracts.Batch) { b.Entries[2].AnswerTo = nil }),
	"an unknown state":            changed(func(b *contracts.Batch) { b.Entries[2].State = "FINE" }),
	"no state":                    changed(func(b *contracts.Batch) { b.Entries[2].State = "" }),
	"201":                         jsonBody(201, rightAnswer(asIs)),
	"202":                         jsonBody(202, rightAnswer(asIs)),
	"204":                         func(w http.ResponseWriter) { w.WriteHeader(204) },
	"206":                         jsonBody(206, rightAnswer(asIs)),
	"304":                         func(w http.ResponseWriter) { w.WriteHeader(304) },
	"409 with a problem document": func(w http.ResponseWriter) { refuse(w, 409, "Conflict", "") },
	"409 with half an answer":     jsonBody(409, rightAnswer(asIs)[:200]),
	"200 as a problem document":   func(w http.ResponseWriter) { refuse(w, 200, "Fine", "") },
	"500 with the right answer":   jsonBody(500, rightAnswer(asIs)),
	"packed": func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(rightAnswer(asIs)))
		_ = z.Close()
	},
}

func cutOnTheWire(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(rightAnswer(asIs))))
	_, _ = w.Write([]byte(rightAnswer(asIs)[:300]))
}

// serve gives a service a real address, so that its answers cross a wire.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestAForeignAnswerNeverCountsAsOK(t *testing.T) {
	for name, answer := range foreignAnswers {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.log, p.circuit.log = zap.NewNop(), zap.NewNop()
			all := hints(3)
			p.edit(all, 5)
			stop, cancel := context.WithCancel(t.Context())
			p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				cancel() // after this one
				answer(w)
				return true
			}
			p.pipe = pipeTo(t, p, newClient("remote", serve(t, p.remote).URL, remoteToken, 1, p.pipe.local.failed, p.metrics.observe))
			p.settle(stop, t.Context(), messages(all))

			require.Equal(t, map[string]int{"nak": 3}, tally(all), "kept")
			require.Zero(t, p.local.count("put"), "nothing is told to the own service")
			require.Empty(t, p.local.agreed)
			require.Empty(t, p.local.refused)
			require.NotEmpty(t, p.circuit.state().lastError)

			p.remote.set(func() { p.remote.instead = nil })
			p.pipe = pipeTo(t, p, p.pipe.remote)
			again := hints(3)
			p.run(again)
			require.Equal(t, map[string]int{"ack": 3}, tally(again))
			p.requireEqual(t)
		})
	}
}

// pipeTo is a new pipe whose remote side is reached by a real client.
func pipeTo(t *testing.T, p *pair, remote *client) *pipe {
	n := newTestPipe(zap.NewNop(), inMemory{p.local}, nil)
	n.remote = remote
	t.Cleanup(remote.http.CloseIdleConnections)
	return n
}

func TestTheRightAnswerIsOneInWhateverWayItIsWritten(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"as it is":        changed(asIs),
		"with collisions": jsonBody(409, rightAnswer(func(b *contracts.Batch) { b.Entries[1].State = "COLLISION" })),
		"with spaces":     jsonBody(200, strings.ReplaceAll(rightAnswer(asIs), `":`, `" : `)),
		"with the charset": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write([]byte(rightAnswer(asIs)))
		},
		"with an error for us": changed(func(b *contracts.Batch) { b.Entries[1].State = "ERROR" }),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			all := hints(3)
			p.edit(all, 5)
			p.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				answer(w)
				return true
			}
			p.run(all)
			require.Equal(t, map[string]int{"ack": 3}, tally(all))
			require.Equal(t, 1, p.local.count("put b 3"))
		})
	}
}
