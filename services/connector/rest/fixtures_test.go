package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/rest"
)

const (
	key    = "ck_key"
	secret = "cs_5ecret"
)

// shop is a server that answers as a test says, and remembers what it was asked.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
	asked  []string // method and address
	bodies []string
}

// newShop starts a shop and the woocommerce System that calls it.
func newShop(t *testing.T, answer func(http.ResponseWriter, *http.Request)) (*shop, *rest.System) {
	t.Helper()
	return newShopOf(t, "woocommerce", answer)
}

func newShopOf(t *testing.T, name string, answer func(http.ResponseWriter, *http.Request)) (*shop, *rest.System) {
	t.Helper()
	s := &shop{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
		s.bodies = append(s.bodies, string(body))
		s.mu.Unlock()
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	system, err := rest.New(mapping(t, name), rest.Config{Address: s.URL, Key: key, Secret: secret, Timeout: time.Minute})
	require.NoError(t, err)
	return s, system
}

var loaded = map[string]*profile.Mapping{}

// mapping loads a profile once, without its rate limit, so that tests are not held up.
func mapping(t *testing.T, name string) *profile.Mapping {
	t.Helper()
	if loaded[name] == nil {
		m, err := profiles.Load(name)
		require.NoError(t, err)
		m.REST().Rate.PerSecond, m.REST().Rate.Burst = 10_000, 10_000
		loaded[name] = m
	}
	return loaded[name]
}

// calls is what the shop was asked, and how often.
func (s *shop) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write(data)
}

// raw answers with what is no good JSON.
func raw(w http.ResponseWriter, status int, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func order(id int) map[string]any {
	return map[string]any{"id": id, "status": "processing", "date_modified_gmt": fmt.Sprintf("2026-11-20T10:00:%02d", id%60), "meta_data": []any{}}
}
