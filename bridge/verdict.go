package bridge

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one of the three requests of a bridge.
type call int

const (
	lookup    call = iota // own service: how do these orders stand?
	remotePut             // remote service: take these entries
	localPut              // own service: this is what the remote side answered
)

// target is the service that a call goes to, as logs and metrics name it.
func (c call) target() string {
	if c == remotePut {
		return "remote"
	}
	return "local"
}

// name is one of contracts.BridgeCalls.
func (c call) name() string { return [...]string{"lookup", "tell", "store"}[c] }

// body is what came with a status.
type body int

const (
	nothing  body = iota // none, or one that was not worth reading
	answers              // ours: read strictly, one answer for each entry and version that was sent
	problem              // a problem document: the service itself speaks
	tooLarge             // longer than contracts.AnswersBytesMax
	foreign              // anything else: HTML, other JSON, half an answer, other ids
)

// outcome is what happened to a request.
type outcome struct {
	call       call
	lost       bool // no whole response: refused, reset, timed out
	status     int
	retryAfter time.Duration // 0 when the response names none
	body       body
	entries    int  // in the request
	passes     bool // the body is foreign, and an empty batch passes the same way
}

// verdict is what an outcome means for the entries of the request and for the way to that service.
type verdict int

const (
	settled      verdict = iota // go on with the next step, at the end acknowledge
	retry                       // nobody's fault that we know: back off, then half as many; an order alone is given back with a delay
	wait                        // keep all, wait as told; not a failure
	overloaded                  // wait as told, not a failure; then half as many
	unauthorized                // the link is shut: keep all, probe slowly, alarm
	misdirected                 // the link leads to the wrong place: keep all, open the circuit
	split                       // the request is at fault: try both halves
	refused                     // this order is refused by the peer: its link goes to ERROR with the reason
	later                       // this order is refused by the own service: give it back with a delay
	blocked                     // this order is not let through by something on the way: give it back with a delay
)

var verdictNames = [...]string{"settled", "retry", "wait", "overloaded", "unauthorized", "misdirected", "split", "refused", "later", "blocked"}

func (v verdict) String() string { return verdictNames[v] }

// rule is one row of the table: what it is about in words, as README.md shows it, and in code.
type rule struct {
	when    string
	matches func(outcome) bool
	verdict verdict
}

// rules is the whole judgement; the first row that matches counts.
var rules = []rule{
	{"no whole response: refused, reset, timed out", func(o outcome) bool { return o.lost }, retry},
	{"lookup: 200 with what was asked", func(o outcome) bool { return o.call == lookup && o.status == 200 && o.body == answers }, settled},
	{"remote PUT: 200 or 409 with an answer to each entry", func(o outcome) bool {
		return o.call == remotePut && (o.status == 200 || o.status == 409) && o.body == answers
	}, settled},
	{"local PUT: 204", func(o outcome) bool { return o.call == localPut && o.status == 204 }, settled},
	{"several entries: a foreign 429, or 503 with Retry-After, and an empty batch passes", several(func(o outcome) bool { return o.passes && asksForTime(o) }), overloaded},
	{"several entries: any other foreign answer, and an empty batch passes", several(emptyPasses), split},
	{"one entry: a foreign answer, and an empty batch passes", emptyPasses, blocked},
	{"401, 403", status(401, 403), unauthorized},
	{"429", status(429), wait},
	{"503 with Retry-After", asksForTime, overloaded}, // 429 is above
	{"several entries: 400, 413, 422", several(status(blaming...)), split},
	{"several entries: an answer over the size limit", several(func(o outcome) bool { return o.body == tooLarge }), split},
	{"one entry, remote: 400, 413, 422 with a problem document", func(o outcome) bool {
		return o.call == remotePut && o.body == problem && slices.Contains(blaming, o.status)
	}, refused},
	{"one entry, local: 400, 413, 422 with a problem document", func(o outcome) bool {
		return o.body == problem && slices.Contains(blaming, o.status)
	}, later},
	{"one entry: 400, 413, 422 without one", status(blaming...), retry},
	{"408, 409 without answers, 425", status(408, 409, 425), retry},
	{"3xx and every other 4xx", func(o outcome) bool { return o.status >= 300 && o.status < 500 }, misdirected},
	{"everything else: 5xx, and 2xx that is not what was asked for", func(outcome) bool { return true }, retry},
}

// blaming lists the statuses that can blame an order. Address and header fields (414, 431) are the same
// for all.
var blaming = []int{
	http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
}

// judge finds the verdict. It is pure.
func judge(o outcome) verdict {
	i := slices.IndexFunc(rules, func(r rule) bool { return r.matches(o) })
	return rules[i].verdict // the last row matches everything
}

func status(codes ...int) func(outcome) bool {
	return func(o outcome) bool { return slices.Contains(codes, o.status) }
}

func several(matches func(outcome) bool) func(outcome) bool {
	return func(o outcome) bool { return o.entries > 1 && matches(o) }
}

// asksForTime tells an answer that wants no more requests for a while.
func asksForTime(o outcome) bool {
	return o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable && o.retryAfter > 0
}

func emptyPasses(o outcome) bool { return o.passes }

// retryAfter reads a Retry-After header, seconds or a date; 0 when it tells no time to come.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
