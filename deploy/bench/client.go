//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// web speaks to the services; it keeps a connection for each writer.
var web = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// request is one call of a service.
type request struct {
	method, path, token string
	header              [2]string // one more, name and value
	body                []byte
}

// call makes it; whatever is not 2xx is an error. The body is read to its end.
func (s *side) call(ctx context.Context, r request) (http.Header, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, s.url()+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, err
	}
	q.Header.Set("Authorization", "Bearer "+r.token)
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.header[0] != "" {
		q.Header.Set(r.header[0], r.header[1])
	}
	header, text, err := send(q)
	if err != nil {
		return nil, nil, fmt.Errorf("side %s: %w", s.name, err)
	}
	return header, text, nil
}

// send makes a request and reads the answer to its end.
func send(q *http.Request) (http.Header, []byte, error) {
	response, err := web.Do(q)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", q.Method, q.URL.Path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, nil, fmt.Errorf("%s %s: %s %s", q.Method, q.URL.Path, response.Status, text)
	}
	return response.Header, text, nil
}

// put replaces an order's content and returns its new version.
func (s *side) put(ctx context.Context, id string, body []byte) (version string, err error) {
	header, _, err := s.call(ctx, request{method: http.MethodPut, path: "/orders/" + id, token: s.tokens.client, header: [2]string{"If-Match", "*"}, body: body})
	if err != nil {
		return "", err
	}
	if version = strings.Trim(header.Get("ETag"), `"`); version == "" {
		return "", fmt.Errorf("order %s: the answer to its edit has no ETag", id)
	}
	return version, nil
}

// receive gives a side entries as its peer's bridge does.
func (s *side) receive(ctx context.Context, batch []byte) error {
	_, _, err := s.call(ctx, request{
		method: http.MethodPut, path: "/orders/transactions", token: s.tokens.peer,
		header: [2]string{"Prefer", "return=minimal"}, body: batch,
	})
	return err
}

// pause and resume hold the hints to the peer back in the broker, and let them go.
func (s *side) pause(ctx context.Context, peer *side) error  { return s.steer(ctx, peer, "pause") }
func (s *side) resume(ctx context.Context, peer *side) error { return s.steer(ctx, peer, "resume") }

func (s *side) steer(ctx context.Context, peer *side, what string) error {
	_, _, err := s.call(ctx, request{method: http.MethodPost, path: "/admin/api/peers/" + peer.name + "/" + what, token: s.tokens.admin})
	return err
}

// status is the side's, as the admin shows it.
func (s *side) status(ctx context.Context) (status contracts.Status, err error) {
	_, text, err := s.call(ctx, request{method: http.MethodGet, path: "/admin/api/status", token: s.tokens.admin})
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return status, fmt.Errorf("read the status of side %s: %w", s.name, err)
	}
	return status, nil
}

// connected reports whether the side's service has its broker.
func (s *side) connected(ctx context.Context) (bool, error) {
	status, err := s.status(ctx)
	return status.Broker.Connected, err
}

// backlog is what waits in the outbox and in the broker.
func (s *side) backlog(ctx context.Context) (outbox, hints int64, err error) {
	status, err := s.status(ctx)
	if err != nil {
		return 0, 0, err
	}
	if status.Broker.Stream == nil {
		return 0, 0, fmt.Errorf("side %s has no stream: %s", s.name, status.Broker.Error)
	}
	return status.Outbox, status.Broker.Stream.Messages, nil
}
