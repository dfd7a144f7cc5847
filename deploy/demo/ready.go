//go:build linux

package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/deploy/child"
)

// awaitReady asks the address until it says 200. It gives up, with the end of the log, when the part
// ends by itself or takes too long.
func awaitReady(ctx context.Context, k *keeper, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	answer := "no answer yet"
	for {
		ok, said := ask(ctx, client, address)
		if ok {
			return nil
		}
		if ctx.Err() == nil {
			answer = said
		}
		select {
		case <-k.died:
			return fmt.Errorf("%s ended before it was ready; %s", k.name, child.Tail(k.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready, %s: %s; %s", k.name, address, answer, child.Tail(k.log))
		case <-time.After(pollEvery):
		}
	}
}

func ask(ctx context.Context, client *http.Client, address string) (ok bool, answer string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	response, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return false, err.Error()
	}
	defer response.Body.Close() //nolint:errcheck // only read
	const answerBytesMax = 500
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return false, err.Error()
	}
	return response.StatusCode == http.StatusOK, response.Status + " " + strings.TrimSpace(string(body))
}

// askLimit bounds one question of whether a process is ready.
const askLimit = 5 * time.Second
