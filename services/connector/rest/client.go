package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

const (
	answerBytesMax = 32 << 20
	reasonRunesMax = 300
	// quotaWait is how long the system is left alone when it refuses a call without saying for how long.
	quotaWait = 30 * time.Second
	// lists is how many lists are read at once, besides calls about single orders.
	lists = 2
)

// Config is where a system is and who calls it.
type Config struct {
	Address string        // https://shop.example; the profile's base path follows
	Key     string        // user or key of HTTP Basic; some systems have none
	Secret  string        //
	Timeout time.Duration // of one call; 30 seconds when 0
	Rate    float64       // calls a second; the profile's when 0
	AtOnce  int           // calls at once; the profile's when 0
	// Client makes the calls; nil for one that verifies TLS. Its redirects are not followed, whatever it says.
	Client *http.Client
}

// client makes calls and sorts their answers.
type client struct {
	rest    *profile.REST
	rules   rules
	base    *url.URL
	key     string
	secret  string
	timeout time.Duration
	http    *http.Client
	limiter *rate.Limiter
	atOnce  int
	now     func() time.Time

	mu      sync.Mutex
	blocked time.Time     // no call before
	left    int           // of the quota, as last said
	known   bool          // left was said
	ahead   time.Duration // the system's clock, compared with ours
}

// rules are the compiled expressions that sort answers.
type rules struct {
	gone, stale, refused, failed, reason *profile.Expression
}

func newClient(r *profile.REST, c Config) (*client, error) {
	base, err := url.Parse(c.Address)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("the address of the system must be like https://shop.example, without user and query")
	}
	base.Path = strings.TrimSuffix(base.Path, "/") + r.Base
	k := &client{
		rest: r, base: base, key: c.Key, secret: c.Secret, timeout: c.Timeout, now: time.Now,
		limiter: rate.NewLimiter(rate.Limit(r.Rate.PerSecond), r.Rate.Burst), atOnce: r.Rate.Concurrency,
	}
	if c.Rate > 0 {
		k.limiter = rate.NewLimiter(rate.Limit(c.Rate), max(r.Rate.Burst, int(c.Rate)))
	}
	if c.AtOnce > 0 {
		k.atOnce = c.AtOnce
	}
	if k.timeout == 0 {
		k.timeout = 30 * time.Second
	}
	var own http.Client
	if c.Client != nil {
		own = *c.Client
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = k.atOnce + lists // by default 2: the others would be opened again for each call
		own.Transport = transport
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	k.http = &own
	for text, e := range map[string]**profile.Expression{
		r.Gone.When: &k.rules.gone, r.Stale.When: &k.rules.stale, r.Refused.When: &k.rules.refused, r.Failed: &k.rules.failed, r.Reason: &k.rules.reason,
	} {
		if text == "" {
			continue
		}
		if *e, err = profile.Compile(text); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// answer is an answer with JSON in it.
type answer struct {
	body   any
	header http.Header
	empty  bool // a status without a body, which says that a list is empty
}

// call makes a request and returns its answer if it is one that the profile promises. Path may be a whole address, for
// links that the system gives.
func (k *client) call(ctx context.Context, method, path string, query url.Values, header http.Header, body any) (*answer, error) {
	if err := k.wait(ctx); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, k.timeout)
	defer stop()
	req, err := k.request(ctx, method, path, query, header, body)
	if err != nil {
		return nil, err
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return nil, k.wrap(method, path, plainCause(err))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	_ = resp.Body.Close() // nothing is left to be lost
	if err != nil {
		return nil, k.wrap(method, path, fmt.Errorf("read the answer: %w", err))
	}
	k.note(resp.Header)
	a, err := k.sort(resp, data, method == http.MethodGet)
	if err != nil {
		return nil, k.wrap(method, path, err)
	}
	return a, nil
}

// wait waits for the rate limit, and refuses to call before the system wants to be called.
func (k *client) wait(ctx context.Context) error {
	if err := k.limiter.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if left := k.blocked.Sub(k.now()); left > 0 {
		return &foreign.Quota{After: left}
	}
	return nil
}

func (k *client) request(ctx context.Context, method, path string, query url.Values, header http.Header, body any) (*http.Request, error) {
	address, err := k.address(path)
	if err != nil {
		return nil, err
	}
	if query != nil {
		address.RawQuery = query.Encode()
	}
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		content = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, address.String(), content)
	if err != nil {
		return nil, errors.New("the request has an address that cannot be called")
	}
	for name, v := range k.rest.Headers {
		req.Header.Set(name, v)
	}
	for name := range header {
		req.Header.Set(name, header.Get(name))
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	switch auth := k.rest.Auth; {
	case auth.Basic:
		req.SetBasicAuth(k.key, k.secret)
	case k.key != "":
		req.Header.Set(auth.Header, auth.Prefix+k.key+":"+k.secret)
	default:
		req.Header.Set(auth.Header, auth.Prefix+k.secret)
	}
	return req, nil
}

// address is that of a path below the base, or a whole address on the same host: secrets are sent nowhere else.
func (k *client) address(path string) (*url.URL, error) {
	if !strings.Contains(path, "://") {
		address, err := url.Parse(k.base.String() + path)
		if err != nil {
			return nil, errors.New("the path cannot be called")
		}
		return address, nil
	}
	address, err := url.Parse(path)
	if err != nil || address.Scheme != k.base.Scheme || address.Host != k.base.Host {
		return nil, errors.New("the next page is on another host")
	}
	return address, nil
}

// note remembers what every answer says of the quota and of the system's clock.
func (k *client) note(h http.Header) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if name := k.rest.Quota.Left; name != "" {
		if n, err := strconv.Atoi(h.Get(name)); err == nil {
			k.left, k.known = n, true
		}
	}
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		k.ahead = at.Sub(k.now())
	}
}

// sort says what an answer is: the one that was promised, or which error.
func (k *client) sort(resp *http.Response, data []byte, reading bool) (*answer, error) {
	status := resp.StatusCode
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
		return nil, k.block(resp.Header)
	}
	if reading && status == k.rest.Paging.Empty && len(data) == 0 {
		return &answer{header: resp.Header, empty: true}, nil
	}
	body, err := decode(resp.Header.Get("Content-Type"), data)
	if err != nil {
		return nil, fmt.Errorf("status %d: %w", status, err)
	}
	switch is := k.is; {
	case is(k.rest.Stale, k.rules.stale, status, body):
		return nil, foreign.ErrStale
	case is(k.rest.Gone, k.rules.gone, status, body):
		return nil, foreign.ErrGone
	case is(k.rest.Refused, k.rules.refused, status, body):
		return nil, &foreign.Refusal{Reason: k.reason(body, fmt.Sprintf("status %d", status))}
	case status != http.StatusOK && status != http.StatusCreated:
		return nil, fmt.Errorf("status %d: %s", status, k.reason(body, "no reason"))
	}
	if k.rules.failed != nil {
		if v, err := k.rules.failed.Value(body); err != nil || v != false && v != nil {
			return nil, fmt.Errorf("an error with status %d: %s", status, k.reason(body, "no reason"))
		}
	}
	return &answer{body: body, header: resp.Header}, nil
}

func (k *client) is(a profile.Answer, when *profile.Expression, status int, body any) bool {
	if !slices.Contains(a.Status, status) {
		return false
	}
	if when == nil {
		return true
	}
	v, err := when.Value(body)
	return err == nil && v == true
}

// decode reads an answer's body, which must be one JSON value and nothing else.
func decode(contentType string, data []byte) (any, error) {
	if len(data) > answerBytesMax {
		return nil, fmt.Errorf("the answer is longer than %d bytes", answerBytesMax)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil, fmt.Errorf("the answer is no JSON but %q", shorten(contentType))
	}
	if !utf8.Valid(data) {
		return nil, errors.New("the answer is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the answer is no whole JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the answer has something after its JSON")
	}
	return v, nil
}

// block remembers until when the system is not to be called.
func (k *client) block(h http.Header) *foreign.Quota {
	now := k.now()
	after := quotaWait
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds >= 0 {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(h.Get("Retry-After")); err == nil {
		after = max(at.Sub(now.Add(k.skew())), time.Second)
	} else if ms, err := strconv.Atoi(h.Get(k.rest.Quota.Reset)); err == nil && ms >= 0 {
		after = time.Duration(ms) * time.Millisecond
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if until := now.Add(after); until.After(k.blocked) {
		k.blocked = until
	}
	return &foreign.Quota{After: k.blocked.Sub(now)}
}

// skew is how far the system's clock is ahead of ours, as its last answer said.
func (k *client) skew() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ahead
}

// reason is what the system says of a refusal, cut short, on one line, without our secrets.
func (k *client) reason(body any, otherwise string) string {
	if k.rules.reason == nil {
		return otherwise
	}
	v, err := k.rules.reason.Value(body)
	text, ok := v.(string)
	if err != nil || !ok || text == "" {
		return otherwise
	}
	return shorten(k.scrub(text))
}

func (k *client) scrub(text string) string {
	for _, secret := range []string{k.secret, k.key} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func shorten(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }), " ")
	if runes := []rune(text); len(runes) > reasonRunesMax {
		return string(runes[:reasonRunesMax]) + "…"
	}
	return text
}

// wrap says which call an error is of. What a System promises stays recognisable.
func (k *client) wrap(method, path string, err error) error {
	var refused *foreign.Refusal
	if errors.As(err, &refused) {
		return err // its text is for people
	}
	return fmt.Errorf("%s %s: %w", method, k.scrub(path), err)
}

// plainCause is a transport's error without the address, which says nothing new.
func plainCause(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
