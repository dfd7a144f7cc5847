package tryton

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

const (
	callTime       = time.Minute      // longest that one call may take
	answerBytesMax = 64 << 20         // size of an answer
	pauseLogins    = time.Minute      // after too many wrong passwords, when the server says nothing of it
	pauseMax       = 10 * time.Minute // longest that a Retry-After is believed
	shownMax       = 300              // characters of a text that is not for people, in an error
)

// client calls a Tryton database. It logs in when it has to.
type client struct {
	address  string // of the database, with a slash at its end
	user     string
	password string
	http     *http.Client

	mu      sync.Mutex
	session *session // nil before the first login
}

// session is what a login gives.
type session struct {
	header  string
	company int64
	context object // for every call
}

func newClient(o Options) (*client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("the address of a Tryton server is like https://tryton.example.com/, without a user")
	}
	if o.Database == "" || o.User == "" {
		return nil, errors.New("a Tryton database and a user of it must be named")
	}
	return &client{
		address:  base.JoinPath(url.PathEscape(o.Database)).String() + "/",
		user:     o.User,
		password: o.Password,
		http: &http.Client{
			Timeout: callTime,
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
				TLSHandshakeTimeout: 10 * time.Second,
				MaxIdleConnsPerHost: concurrency,
				IdleConnTimeout:     time.Minute,
				ForceAttemptHTTP2:   true,
			},
			// A redirected POST would be repeated as something else, and with our session somewhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// call calls a method of a model and decodes its result, unless that is nil. Extra is added to the context.
func (c *client) call(ctx context.Context, result any, extra object, method string, params ...any) error {
	a, err := c.ask(ctx, extra, method, params...)
	if err != nil || result == nil {
		return err
	}
	if err := decode(a.Result, result); err != nil {
		return fmt.Errorf("%s: unexpected result: %w", method, err)
	}
	return nil
}

// ask calls a method of a model, and logs in before when it has to.
func (c *client) ask(ctx context.Context, extra object, method string, params ...any) (*answer, error) {
	s, err := c.login(ctx, nil)
	if err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		with := maps.Clone(s.context)
		maps.Copy(with, extra)
		all := append(append([]any{}, params...), with)
		a, err := c.post(ctx, s.header, method, all)
		if errors.Is(err, errUnknownSession) && !again { // nothing was done: the server asks who we are first
			if s, err = c.login(ctx, s); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		return a, nil
	}
}

// now is the time of the server's clock.
func (c *client) now(ctx context.Context) (time.Time, error) {
	// Any answer has it, also the one to a search for nothing.
	var none json.Number
	a, err := c.ask(ctx, nil, "model.sale.sale.search_count", []any{[]any{"id", "=", 0}})
	switch {
	case err != nil:
		return time.Time{}, err
	case decode(a.Result, &none) != nil || none != "0":
		return time.Time{}, errors.New("the server counts sales with the id 0")
	case a.at.IsZero():
		return time.Time{}, errors.New("the server's answers have no Date")
	}
	return a.at, nil
}

// login returns the session, and makes another one when it is still the one that was refused.
func (c *client) login(ctx context.Context, refused *session) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.session != refused {
		return c.session, nil
	}
	answer, err := c.post(ctx, "", "common.db.login", []any{c.user, object{"password": c.password}})
	if errors.Is(err, errUnknownSession) {
		return nil, fmt.Errorf("the user %s or its password is refused", c.user)
	}
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	var made []any
	if err := decode(answer.Result, &made); err != nil || len(made) != 2 {
		return nil, errors.New("log in: unexpected result")
	}
	token := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%v:%v", c.user, made[0], made[1]))
	s := &session{header: "Session " + token}
	answer, err = c.post(ctx, s.header, "model.res.user.get_preferences", []any{true, object{}})
	if err != nil {
		return nil, fmt.Errorf("read the user's preferences: %w", err)
	}
	var preferences object
	if err := decode(answer.Result, &preferences); err != nil {
		return nil, fmt.Errorf("read the user's preferences: %w", err)
	}
	if s.company = number(preferences, "company"); s.company == 0 {
		return nil, fmt.Errorf("the Tryton user %s has no company", c.user)
	}
	s.context = object{"company": s.company, "language": preferences["language"]}
	c.session = s
	return s, nil
}

// errUnknownSession is the server's answer to a session, or a password, that it does not know.
var errUnknownSession = errors.New("the session is unknown")

// answer is what a call brings.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  []any           `json:"error"`
	at     time.Time       // the server's clock, in seconds; zero when it did not say
}

// callID is in every call, and is in its answer.
const callID = "1"

// post sends one call. Its errors are those of classify, errUnknownSession, a *foreign.Quota, and others of which nobody
// knows whether anything was done.
func (c *client) post(ctx context.Context, authorization, method string, params []any) (*answer, error) {
	body, err := json.Marshal(object{"id": json.Number(callID), "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // sent once
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax+1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, errUnknownSession
	case resp.StatusCode == http.StatusTooManyRequests:
		return nil, &foreign.Quota{After: retryAfter(resp.Header.Get("Retry-After"))}
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	case err != nil:
		return nil, fmt.Errorf("the answer broke off: %w", err)
	case len(data) > answerBytesMax:
		return nil, fmt.Errorf("the answer is longer than %d bytes", answerBytesMax)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return nil, fmt.Errorf("the answer is %q and not JSON", cut(kind))
	}
	var a answer
	if err := decode(data, &a); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	if string(a.ID) != callID || (a.Error == nil) == (a.Result == nil) {
		return nil, errors.New("the answer is not one of JSON-RPC")
	}
	if a.Error != nil {
		return nil, classify(a.Error)
	}
	if a.at, err = http.ParseTime(resp.Header.Get("Date")); err != nil {
		a.at = time.Time{}
	}
	return &a, nil
}

func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, int(pauseMax/time.Second))) * time.Second
	}
	return pauseLogins
}

// decode decodes one JSON value, with its numbers as they are written.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// classify makes an error of the array with which the server reports one.
func classify(e []any) error {
	if len(e) == 0 {
		return errors.New("the server reports an error without a name")
	}
	details := func(i int) string {
		if list, ok := e[min(1, len(e)-1)].([]any); ok && i < len(list) {
			s, _ := list[i].(string)
			return s
		}
		return ""
	}
	switch e[0] {
	case "UserError":
		return people(details(0), details(1))
	case "UserWarning": // name, message, description: a client would ask a person, and remember the answer
		return people(details(1), details(2))
	case "ConcurrencyException":
		return foreign.ErrStale
	}
	return fmt.Errorf("the server failed: %s", cut(fmt.Sprint(e[0])))
}

func people(message, description string) error {
	if description != "" {
		message += " " + description
	}
	return &foreign.Refusal{Reason: "Tryton: " + message}
}

func cut(s string) string {
	if runes := []rune(s); len(runes) > shownMax {
		return string(runes[:shownMax]) + "…"
	}
	return s
}
