package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// remote is a running side as the operator's commands reach it.
type remote struct {
	url, token string
	http       *http.Client
}

// addRemoteFlags lets a command say which side it speaks to. The token comes from the environment
// only, so that it is in no process list.
func addRemoteFlags(cmd *cobra.Command) {
	cmd.PersistentFlags().String("url", os.Getenv("ORDERBRIDGE_URL"), "origin of the side's API (ORDERBRIDGE_URL); its token is read from ORDERBRIDGE_TOKEN, authorities to trust besides the system's from the file ORDERBRIDGE_CA")
}

func newRemote(cmd *cobra.Command) (*remote, error) {
	url, err := cmd.Flags().GetString("url")
	if err != nil {
		return nil, err
	}
	token := os.Getenv("ORDERBRIDGE_TOKEN")
	if url == "" || token == "" {
		return nil, usage("set ORDERBRIDGE_URL (or --url) and ORDERBRIDGE_TOKEN to the side that you mean")
	}
	secure, err := tlsfile.Client(os.Getenv("ORDERBRIDGE_CA"), nil, nil)
	if err != nil {
		return nil, usage("ORDERBRIDGE_CA: %v", err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &remote{strings.TrimRight(url, "/"), token, client}, nil
}

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request; an answer outside of 2xx becomes a refusal that says what the problem document
// says.
func (r *remote) call(ctx context.Context, method, path string, header map[string]string, body []byte) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, contracts.AnswersBytesMax))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode/100 == 2 {
		return &reply{res.StatusCode, res.Header, data}, nil
	}
	var p contracts.Problem
	if json.Unmarshal(data, &p) == nil && p.Title != "" {
		return nil, &refusal{res.StatusCode, fmt.Sprintf("%d %s", res.StatusCode, Plain(p.Error()))}
	}
	return nil, &refusal{res.StatusCode, Plain(fmt.Sprintf("%s %s: %s", method, path, res.Status))}
}

// refusal is an answer outside of 2xx.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// send sends a value as JSON.
func (r *remote) send(ctx context.Context, method, path string, header map[string]string, v any) (*reply, error) {
	body, err := encode(v)
	if err != nil {
		return nil, err
	}
	return r.call(ctx, method, path, header, body)
}

// get reads a JSON answer into v.
func (r *remote) get(ctx context.Context, path string, v any) (*reply, error) {
	out, err := r.call(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	if v != nil {
		if err := json.Unmarshal(out.body, v); err != nil {
			return nil, fmt.Errorf("GET %s: %w", path, err)
		}
	}
	return out, nil
}
