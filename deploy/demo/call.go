//go:build linux

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A service on a busy machine takes its time, above all to hash a password. It answers 503 after 30 seconds.
var (
	callLimit    = 45 * time.Second // others in tests
	callPatience = 5 * time.Minute
)

// errUnanswered reports that a call may or may not have been carried out.
var errUnanswered = errors.New("not answered")

// persist repeats do until the service answers. do must be safe to repeat.
func persist(ctx context.Context, do func() error) error {
	for deadline := time.Now().Add(callPatience); ; {
		err := do()
		if !errors.Is(err, errUnanswered) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// call speaks to a side with one of its tokens, and takes any 2xx for success.
func call(ctx context.Context, s *side, token, method, path, idempotencyKey string, body, answer any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url()+path, &content)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if idempotencyKey != "" {
		request.Header.Set("Idempotency-Key", idempotencyKey)
	}
	response, err := s.client().Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnanswered, err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", method, request.URL, errUnanswered, err)
	}
	if response.StatusCode/100 != 2 {
		err := fmt.Errorf("%s %s: %s %s", method, request.URL, response.Status, bytes.TrimSpace(text))
		if response.StatusCode == http.StatusServiceUnavailable {
			err = fmt.Errorf("%w: %w", errUnanswered, err)
		}
		return err
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
