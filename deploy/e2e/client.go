//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// side is one of the two services as its callers see it.
type side struct {
	name   string
	access atomic.Pointer[access] // replaced when the demo starts anew
}

// access is where a side is and what lets one in.
type access struct {
	url, bridgeURL                       string
	nats, natsService, natsBridge        string   // for an operator, the service, the bridge
	more                                 []string // further services of the side
	client, admin, peer, bridge, metrics string
}

// origin is one of the side's services.
func (a *access) origin() string {
	if n := rand.IntN(1 + len(a.more)); n > 0 {
		return a.more[n-1]
	}
	return a.url
}

func newSide(name string) *side { return &side{name: name} }

// learn takes a side's part of demo.env.
func (s *side) learn(env map[string]string) {
	of := func(name string) string { return env[strings.ToUpper(s.name)+"_"+name] }
	s.access.Store(&access{
		url: of("URL"), bridgeURL: of("BRIDGE_URL"),
		nats: of("NATS_URL"), natsService: of("NATS_SERVICE_URL"), natsBridge: of("NATS_BRIDGE_URL"),
		client: of("CLIENT_TOKEN"), admin: of("ADMIN_TOKEN"), peer: of("PEER_TOKEN"), bridge: of("BRIDGE_TOKEN"), metrics: of("METRICS_TOKEN"),
	})
}

// shut makes all calls fail until the side is learned anew. Nobody may come with the tokens of a demo
// that has ended.
func (s *side) shut() {
	const nowhere = "http://127.0.0.1:9"
	s.access.Store(&access{url: nowhere})
}

// call is one request.
type call struct {
	method, path string
	token        string
	header       map[string]string
	body         []byte
}

// answer is one whole response.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// refused is an answer that is a problem document.
type refused struct {
	status  int
	problem contracts.Problem
}

func (e *refused) Error() string { return fmt.Sprintf("%d %s", e.status, e.problem.Error()) }

// statusOf is the status of a refusal, 0 for anything else.
func statusOf(err error) int {
	if e, ok := errors.AsType[*refused](err); ok {
		return e.status
	}
	return 0
}

// uncertain tells that an error leaves open whether the request was carried out.
func uncertain(err error) bool {
	status := statusOf(err)
	return status == 0 || status == http.StatusServiceUnavailable
}

// httpClient waits long enough for a busy machine, and not for a service that stands still.
var httpClient = &http.Client{
	Timeout:   5 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 10 * time.Second},
}

// send makes a call and returns whatever comes back.
func (s *side) send(ctx context.Context, c call) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, s.access.Load().origin()+c.path, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		request.Header.Set(name, value)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, body}, nil
}

// ask makes a call and takes a problem document for an error.
func (s *side) ask(ctx context.Context, c call) (*answer, error) {
	a, err := s.send(ctx, c)
	if err != nil || a.status < 400 {
		return a, err
	}
	refusal := &refused{status: a.status}
	if err := strictjson.Decode(a.body, &refusal.problem); err != nil {
		return nil, fmt.Errorf("%s %s: %d without a problem document: %.200q", c.method, c.path, a.status, a.body)
	}
	return nil, refusal
}

// read makes a call of an operator and reads the answer strictly.
func read[T any](ctx context.Context, s *side, method, path string, body []byte) (T, error) {
	var v T
	a, err := s.ask(ctx, call{method: method, path: path, token: s.access.Load().admin, body: body})
	if err == nil {
		err = strictjson.Decode(a.body, &v)
	}
	return v, err
}

// encode is for values that always encode.
func encode(v any) []byte {
	b, err := strictjson.Encode(v)
	if err != nil {
		panic(err)
	}
	return b
}
