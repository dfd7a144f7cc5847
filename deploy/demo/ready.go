//go:build linux

package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// awaitReady asks the address until it says 200. It gives up, with the end of the log, when the part
// ends by itself or takes too long.
func awaitReady(ctx context.Context, k *keeper, address string) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	answer := "no answer yet"
	for {
		ok, said := ask(ctx, address)
		if ok {
			return nil
		}
		if ctx.Err() == nil {
			answer = said
		}
		select {
		case <-k.died:
			return fmt.Errorf("%s ended before it was ready%s", k.name, tail(k.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready, %s: %s%s", k.name, address, answer, tail(k.log))
		case <-time.After(pollEvery):
		}
	}
}

func ask(ctx context.Context, address string) (ok bool, answer string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err.Error()
	}
	response, err := client.Do(request)
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

// client talks to the demo's own processes.
var client = &http.Client{Timeout: 5 * time.Second}

// tail is the end of a log, introduced, for an error message.
func tail(log string) string {
	const linesMax = 12
	text, err := os.ReadFile(log)
	if err != nil {
		return "; " + err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Sprintf("; the end of %s:\n%s", log, bytes.Join(lines[max(0, len(lines)-linesMax):], []byte("\n")))
}
