package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const (
	localToken  = "local-token-local-token-local-token"
	remoteToken = "remote-token-remote-token-remote-to"
	localEpoch  = "a.e1"
	remoteEpoch = "b.e1"
)

// uuid is the id of the n-th order of a test.
func orderID(n int) string { return fmt.Sprintf("0199a1b2-c3d4-7e5f-8a9b-%012x", n) }

// service is a side small enough to be seen through: orders are numbers that only grow.
type service struct {
	t     testing.TB
	name  string
	token string

	mu       sync.Mutex
	version  map[string]int64            // what this side has, by its sender's number
	agreed   map[string]int64            // local: up to where the peer answered
	refused  map[string]string           // local: reason of an ERROR
	poison   map[string]bool             // ids that this side refuses, whoever sends them
	order    *contracts.Order            // content to send along, nil for none
	orders   map[string]*contracts.Order // of single orders, in its place
	requests []string                    // "lookup 3", "put a 3", in the order they came
	// instead answers a request in place of the service, when it returns true.
	instead func(w http.ResponseWriter, r *http.Request) bool
}

func newService(t testing.TB, name, token string) *service {
	return &service{t: t, name: name, token: token, version: map[string]int64{}, agreed: map[string]int64{}, refused: map[string]string{}, poison: map[string]bool{}}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.instead != nil && s.instead(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.token || r.Header.Get("X-Request-Id") == "" || r.Header.Get("Content-Type") != "application/json" {
		s.t.Errorf("%s: header of %s %s: %v", s.name, r.Method, r.URL, r.Header)
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the bridge was killed while it sent
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /orders/transactions/lookup":
		s.lookup(w, data)
	case "PUT /orders/transactions":
		s.put(w, r, data)
	case "POST /orders/reconciliations": // nothing is to be compared
		w.WriteHeader(http.StatusNoContent)
	default:
		s.t.Errorf("%s: unexpected %s %s", s.name, r.Method, r.URL)
	}
}

func (s *service) lookup(w http.ResponseWriter, data []byte) {
	var l contracts.Lookup
	if err := strictjson.Decode(data, &l); err != nil {
		s.t.Errorf("lookup: %v", err)
	}
	if len(l.IDs) > 0 { // not a greeting
		s.requests = append(s.requests, fmt.Sprintf("lookup %d", len(l.IDs)))
	}
	result := contracts.LookupResult{Side: s.name, Entries: []contracts.Entry{}}
	for _, id := range l.IDs {
		if s.version[id] > s.agreed[id] && s.refused[id] == "" {
			content := s.order
			if own := s.orders[id]; own != nil {
				content = own
			}
			result.Entries = append(result.Entries, contracts.Entry{
				ItemID: id, State: "UPD", Version: contracts.Version{localEpoch: s.version[id]}, UpdatedAt: time.Now(),
				Fingerprint: "fp1:" + strings.Repeat("0", 64), ItemURI: "/orders/" + id, Order: content,
			})
		}
	}
	respond(s.t, w, http.StatusOK, result)
}

func (s *service) put(w http.ResponseWriter, r *http.Request, data []byte) {
	var b contracts.Batch
	if err := strictjson.Decode(data, &b); err != nil {
		s.t.Errorf("put: %v", err)
	}
	if len(b.Entries) > 0 {
		s.requests = append(s.requests, fmt.Sprintf("put %s %d", b.Side, len(b.Entries)))
	}
	for _, e := range b.Entries {
		if s.poison[e.ItemID] {
			refuse(w, http.StatusUnprocessableEntity, "Content not accepted", "lines must not be empty")
			return
		}
	}
	if r.Header.Get("Prefer") == "return=minimal" {
		for _, e := range b.Entries {
			s.store(e)
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer := contracts.Batch{Side: s.name, Entries: []contracts.Entry{}}
	for _, e := range b.Entries {
		s.version[e.ItemID] = max(s.version[e.ItemID], e.Version[localEpoch])
		answer.Entries = append(answer.Entries, contracts.Entry{
			ItemID: e.ItemID, State: "OK", Version: e.Version, UpdatedAt: time.Now(), ItemURI: e.ItemURI, AnswerTo: e.Version,
		})
	}
	respond(s.t, w, http.StatusOK, answer)
}

func (s *service) store(answer contracts.Entry) {
	id := answer.ItemID
	switch {
	case answer.Refused != nil && answer.Validate() != nil:
		s.t.Errorf("not a valid answer: %+v", answer.Validate())
	case answer.Refused != nil && answer.AnswerTo[localEpoch] == s.version[id]:
		s.refused[id] = answer.Refused.Reason
	case answer.State == "OK":
		s.agreed[id] = max(s.agreed[id], answer.AnswerTo[localEpoch])
	}
}

// set changes something of the service while it is in use.
func (s *service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// count is how many requests of a kind came, by the beginning of their names.
func (s *service) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(s.requests), func(r string) bool { return !strings.HasPrefix(r, kind) }))
}

func respond(t testing.TB, w http.ResponseWriter, status int, v any) {
	data, err := strictjson.Encode(v)
	if err != nil {
		t.Errorf("encode: %v", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

func refuse(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"/problems/invalid","title":%q,"status":%d,"detail":%q}`, title, status, detail)
}

// hintOf is a message that records what is done to it.
type hintOf struct {
	id         string
	deliveries int
	data       []byte

	mu       sync.Mutex
	done     string // ack, nak, term
	delay    time.Duration
	progress int
	before   func(what string) // called before anything is done
}

func hints(n int) []*hintOf {
	var all []*hintOf
	for i := range n {
		all = append(all, hint(orderID(i), 1))
	}
	return all
}

func hint(id string, deliveries int) *hintOf {
	data, err := strictjson.Encode(contracts.Hint{ID: id, Version: "x", State: "UPD", Side: "a", Peer: "b", Time: time.Now()})
	if err != nil {
		panic(err)
	}
	return &hintOf{id: id, deliveries: deliveries, data: data}
}

func (m *hintOf) Subject() string { return contracts.HintSubject("b", m.id) }
func (m *hintOf) Data() []byte    { return m.data }
func (m *hintOf) Deliveries() int { return m.deliveries }

func (m *hintOf) end(what string, delay time.Duration) error {
	if m.before != nil {
		m.before(what)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done != "" {
		return errors.New("done twice")
	}
	m.done, m.delay = what, delay
	return nil
}

func (m *hintOf) Ack() error                         { return m.end("ack", 0) }
func (m *hintOf) NakWithDelay(d time.Duration) error { return m.end("nak", d) }
func (m *hintOf) TermWithReason(string) error        { return m.end("term", 0) }
func (m *hintOf) InProgress() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress++
	return nil
}

func messages(all []*hintOf) []message {
	var ms []message
	for _, m := range all {
		ms = append(ms, m)
	}
	return ms
}

// tally counts the messages by what was done to them.
func tally(all []*hintOf) map[string]int {
	n := map[string]int{}
	for _, m := range all {
		m.mu.Lock()
		n[m.done]++
		m.mu.Unlock()
	}
	return n
}

// inMemory is a transport that calls a handler, so that tests can run on fake time.
type inMemory struct{ http.Handler }

func (h inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

// pair is a pipe between two services.
type pair struct {
	*pipe
	local, remote *service
}

func newPair(t testing.TB) *pair {
	l, r := newService(t, "a", localToken), newService(t, "b", remoteToken)
	return &pair{newTestPipe(testLog(t), inMemory{l}, inMemory{r}), l, r}
}

func testLog(t testing.TB) *zap.Logger { return zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)) }

func newTestPipe(log *zap.Logger, local, remote http.RoundTripper) *pipe {
	failed := &failedCalls{}
	p := &pipe{
		side: "a", peer: "b", metrics: newMetrics(prometheus.NewRegistry(), "b"), log: log, instance: "test", delayMax: 30 * time.Second,
		circuit: newCircuit(30*time.Second, log, func() {}),
		paused:  func() bool { return false }, ackWait: func() time.Duration { return 30 * time.Second },
	}
	p.local = newClient("local", "http://local.test", localToken, 2, failed, p.metrics.observe)
	p.remote = newClient("remote", "http://remote.test", remoteToken, 2, failed, p.metrics.observe)
	p.findDoors()
	p.local.http.Transport, p.remote.http.Transport = local, remote
	return p
}

// edit makes the orders of the hints wait at the local side.
func (p *pair) edit(all []*hintOf, version int64) {
	p.local.set(func() {
		for _, m := range all {
			p.local.version[m.id] = version
		}
	})
}

// run settles the hints without being stopped.
func (p *pair) run(all []*hintOf) {
	p.settle(context.Background(), context.Background(), messages(all))
}

// requireEqual asserts that everything edited arrived, and that both sides know.
func (p *pair) requireEqual(t *testing.T) {
	t.Helper()
	p.local.set(func() {
		p.remote.set(func() {
			require.True(t, maps.Equal(p.local.version, p.remote.version), "remote has what local has")
			require.True(t, maps.Equal(p.local.version, p.local.agreed), "local knows")
		})
	})
}
