package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// reply is an answer of the API that is no problem.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// refusal is an answer of the API that is a problem document.
type refusal struct {
	contracts.Problem
	present string // with 412: the version of the order as it is now, as an ETag
}

// call calls the API as whoever sent r. Headers are pairs of names and values. A problem document
// comes back as a *refusal.
func (p *Pages) call(r *http.Request, method, path string, body any, headers ...string) (*reply, error) {
	in, err := within(r, method, path, body, headers)
	if err != nil {
		return nil, err
	}
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	p.api.ServeHTTP(out, in)
	if out.status < http.StatusBadRequest {
		return &reply{out.status, out.header, out.body.Bytes()}, nil
	}
	e := &refusal{present: out.header.Get("ETag")}
	if json.Unmarshal(out.body.Bytes(), &e.Problem) != nil || e.Status == 0 {
		e.Problem = contracts.Problem{Status: out.status, Title: http.StatusText(out.status)}
	}
	return nil, e
}

// within makes a request of whoever sent r, for the API in this process.
func within(r *http.Request, method, path string, body any, headers []string) (*http.Request, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = strictjson.Encode(body); err != nil {
			return nil, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
	}
	// The API routes the call anew.
	ctx := context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))
	in, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("call %s %s: %w", method, path, err)
	}
	in.RemoteAddr, in.Host = r.RemoteAddr, r.Host
	in.Header["Cookie"] = r.Header["Cookie"] // with what the device is known by
	if body != nil {
		in.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		in.Header.Set(headers[i], headers[i+1])
	}
	return in, nil
}

// read asks the API for a value.
func read[T any](p *Pages, r *http.Request, path string) (T, error) {
	var v T
	a, err := p.call(r, http.MethodGet, path, nil)
	if err != nil {
		return v, err
	}
	// Not strictly: a case shows content of the other side that this side would not accept.
	if err := json.Unmarshal(a.body, &v); err != nil {
		return v, fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return v, nil
}

// recorder keeps what a handler answers.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
	told   bool
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if !w.told {
		w.status, w.told = status, true
	}
}

func (w *recorder) Write(b []byte) (int, error) {
	w.told = true
	return w.body.Write(b)
}
