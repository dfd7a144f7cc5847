package bridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const (
	dialTimeout         = 5 * time.Second
	headerTimeout       = 15 * time.Second
	requestTimeout      = 30 * time.Second // the whole request, so a slow drip of bytes ends too
	headerBytesMax      = 16 << 10
	problemBytesMax     = 64 << 10
	idleConnTimeout     = 90 * time.Second
	userAgent           = "orderbridge-bridge"
	pathTransactions    = "/orders/transactions"
	pathLookup          = "/orders/transactions/lookup"
	mediaJSON           = "application/json"
	mediaProblem        = "application/problem+json"
	headerRequestID     = "X-Request-Id"
	headerIdempotentKey = "Idempotency-Key"
	preferMinimal       = "return=minimal"
)

// client speaks with one service and with nobody else: every address it asks begins with the
// configured origin, redirects and proxies are not followed, cookies are not kept.
type client struct {
	target  string // local or remote
	origin  string
	token   string
	http    *http.Client
	timeout time.Duration
	answers int64 // longest answer that is read
	// What was asked and read so far, for reports.
	requests, bytes atomic.Int64
	door            *door // nil where no batches go
	failed          *failedCalls
	observe         func(target string, code string, elapsed time.Duration)
}

func newClient(target, address, token string, workers int, failed *failedCalls, observe func(string, string, time.Duration)) *client {
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: headerBytesMax,
		DisableCompression:     true, // what was packed could unpack to any size
		MaxIdleConnsPerHost:    workers,
		IdleConnTimeout:        idleConnTimeout,
	}
	return &client{
		target: target, origin: strings.TrimSuffix(address, "/"), token: token, timeout: requestTimeout, answers: contracts.AnswersBytesMax, failed: failed, observe: observe,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// overTLS has the client use these settings for https.
func (c *client) overTLS(settings *tls.Config) *client {
	c.http.Transport.(*http.Transport).TLSClientConfig = settings
	return c
}

// separate is the same client with counters of its own.
func (c *client) separate() *client {
	return &client{target: c.target, origin: c.origin, token: c.token, http: c.http, timeout: c.timeout, answers: c.answers, door: c.door, failed: c.failed, observe: c.observe}
}

// asked is what is told of a request when it went wrong.
type asked struct {
	name, method, path, requestID string // path without a query
	ids                           []string
	bytes                         int
	elapsed                       time.Duration
}

// response is what a service said, as far as it was worth reading.
type response struct {
	outcome
	verdict verdict
	data    []byte // JSON, unread; with body answers until a reader says otherwise
	reason  string // for people: why it is not settled
	problem string // type of a problem document of the service
	limited bool   // an order alone is blocked by an answer that asks for time: it may be meant for all
	// For people, when it went wrong.
	asked                        asked
	contentType, retryText, said string
	begins                       []byte // of a foreign body
}

// send makes one call about these orders. JSON answers come back as data for the caller to read.
func (c *client) send(ctx context.Context, what call, requestID string, request []byte, ids []string) response {
	return c.sendIf(ctx, what, requestID, "", request, ids)
}

// sendIf makes a call on the condition of a place in the service's log, or of none.
func (c *client) sendIf(ctx context.Context, what call, requestID, ifMatch string, request []byte, ids []string) response {
	a := asked{name: what.name(), method: http.MethodPut, path: pathTransactions, requestID: requestID, ids: ids}
	if what == lookup {
		a.method, a.path = http.MethodPost, pathLookup
	}
	header := http.Header{}
	if ifMatch != "" {
		header.Set("If-Match", `"`+ifMatch+`"`)
	}
	if what == localPut {
		header.Set("Prefer", preferMinimal)
	}
	// Present without a value it is not sent, but lets net/http repeat a POST as it does a PUT when an
	// idle connection turns out to be closed.
	header[headerIdempotentKey] = nil

	r := c.exchange(ctx, a, a.path, header, request)
	r.call, r.entries = what, len(ids)
	c.observe(c.target, codeOf(r), r.asked.elapsed)
	r = c.blame(ctx, r)
	c.note(ctx, r)
	return r
}

// exchange sends a request to an address below the service's origin and reads the answer.
func (c *client) exchange(ctx context.Context, a asked, address string, header http.Header, body []byte) response {
	began := time.Now()
	r := c.roundTrip(ctx, a, address, header, body)
	a.bytes, a.elapsed = len(body), time.Since(began)
	r.asked = a
	if r.lost || r.body == problem { // said by the other end
		r.reason = cover(r.reason, c.token)
	}
	return r
}

func (c *client) roundTrip(ctx context.Context, a asked, address string, header http.Header, body []byte) response {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, a.method, c.origin+address, bytes.NewReader(body))
	if err != nil {
		return lost(err)
	}
	req.Header = header
	if body != nil {
		req.Header.Set("Content-Type", mediaJSON)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", mediaJSON+", "+mediaProblem)
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(headerRequestID, a.requestID)
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(err)
	}
	defer resp.Body.Close() // nothing is written, so nothing can be lost
	r := c.read(resp, cancel)
	r.contentType, r.retryText = resp.Header.Get("Content-Type"), resp.Header.Get("Retry-After")
	if r.body == foreign {
		r.said = c.excerpt(r, a.path, body)
	}
	return r
}

// get reads an address below the service's origin.
func (c *client) get(ctx context.Context, path, requestID string) response {
	return c.ask(ctx, http.MethodGet, path, requestID, nil)
}

// ask makes a call outside of the exchange of orders, which is judged by whoever makes it.
func (c *client) ask(ctx context.Context, method, address, requestID string, body []byte) response {
	path, _, _ := strings.Cut(address, "?")
	r := c.exchange(ctx, asked{name: "other", method: method, path: path, requestID: requestID}, address, http.Header{}, body)
	taken := r.status == http.StatusConflict && r.body == problem // no fault: another runner has it
	if r.lost || r.body == foreign || r.body == tooLarge || r.status >= http.StatusMultipleChoices && !taken {
		told := r
		told.verdict = retry
		c.note(ctx, told)
	}
	return r
}

// read takes of a response what the verdict needs, and never more than the limits. GiveUp breaks it off.
func (c *client) read(resp *http.Response, giveUp func()) response {
	c.requests.Add(1)
	r := response{outcome: outcome{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}}
	r.reason = "status " + strconv.Itoa(resp.StatusCode)
	if resp.StatusCode == http.StatusNoContent {
		return r
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || resp.Header.Get("Content-Encoding") != "" {
		media = ""
	}
	switch {
	case media == mediaProblem:
		return c.readProblem(r, resp.Body)
	case media == mediaJSON && (r.status == http.StatusOK || r.status == http.StatusConflict):
		data, err := readAtMost(resp.Body, c.answers, resp.ContentLength)
		switch {
		case errors.Is(err, errTooLarge):
			r.body, r.reason = tooLarge, err.Error()
		case err != nil:
			return lost(err)
		default:
			r.body, r.data = answers, data
			c.bytes.Add(int64(len(data)))
		}
	default:
		r.body, r.begins = foreign, beginning(resp, giveUp)
		r.reason += ", not an answer of an Orders service"
	}
	return r
}

func (c *client) readProblem(r response, from io.Reader) response {
	data, err := readAtMost(from, problemBytesMax, -1)
	if err != nil && !errors.Is(err, errTooLarge) {
		return lost(err)
	}
	// Read as RFC 9457 wants it: members that we do not know are allowed.
	var p struct {
		Type   string                 `json:"type"`
		Title  string                 `json:"title"`
		Detail string                 `json:"detail"`
		Errors []contracts.FieldError `json:"errors"`
	}
	if err != nil || json.Unmarshal(data, &p) != nil {
		r.body, r.begins = foreign, data[:min(len(data), excerptBytesMax)]
		r.reason += " with an unreadable problem document"
		return r
	}
	// A gateway may speak RFC 9457 as well, and knows nothing of orders.
	if !strings.HasPrefix(p.Type, contracts.ProblemTypePrefix) {
		r.body, r.begins = foreign, data[:min(len(data), excerptBytesMax)]
		r.reason += " with a problem document that is not of an Orders service"
		return r
	}
	r.body, r.problem = problem, p.Type
	if text := (&contracts.Problem{Title: p.Title, Detail: p.Detail, Errors: p.Errors}).Error(); text != "" {
		r.reason = shorten(text)
	}
	return r
}

// foreignAnswer marks a JSON answer that was read and is not what was asked for.
func (c *client) foreignAnswer(ctx context.Context, r response, err error) response {
	r.body, r.data = foreign, nil
	r.verdict = judge(r.outcome)
	r.reason = fmt.Sprintf("status %d, but not an answer to what was asked: %s", r.status, cover(shorten(err.Error()), c.token))
	c.note(ctx, r)
	return r
}

// readAs reads an answer that ask or get brought.
func (c *client) readAs(ctx context.Context, r response, into any) error {
	if r.status != http.StatusOK || r.body != answers {
		return errors.New(r.reason)
	}
	if err := strictjson.Decode(r.data, into); err != nil {
		return errors.New(c.foreignAnswer(ctx, r, err).reason)
	}
	return nil
}

func lost(err error) response {
	return response{outcome: outcome{lost: true}, reason: shorten(err.Error())}
}

var errTooLarge = errors.New("the answer is over the size limit")

// readAtMost reads a body of up to limit bytes; length is the announced one, or -1.
func readAtMost(from io.Reader, limit, length int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLarge
	}
	var b bytes.Buffer
	if length > 0 {
		b.Grow(int(length) + bytes.MinRead) // room for the read that finds the end
	}
	if _, err := b.ReadFrom(io.LimitReader(from, limit+1)); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if int64(b.Len()) > limit {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// shorten makes foreign text fit for a reason: no control characters, not longer than a reason may be.
func shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return cut(s, contracts.ReasonLengthMax)
}
