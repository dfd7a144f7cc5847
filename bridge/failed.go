package bridge

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/orderbridge/orderbridge/contracts"
)

// failedCalls are the last calls that went wrong, newest first. The same fault again is counted, also
// with another one in between: several workers, and the greeting beside them, meet theirs in turn.
type failedCalls struct {
	mu   sync.Mutex
	list []contracts.FailedCall
}

func (f *failedCalls) add(c contracts.FailedCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i := slices.IndexFunc(f.list, func(known contracts.FailedCall) bool { return sameFault(known, c) }); i >= 0 {
		c.Since, c.Count = f.list[i].Since, f.list[i].Count+1
		f.list = slices.Delete(f.list, i, i+1)
	}
	f.list = slices.Insert(f.list, 0, c)
	f.list = f.list[:min(len(f.list), contracts.FailedCallsMax)]
}

// last lists them; the list is the caller's.
func (f *failedCalls) last() []contracts.FailedCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// sameFault compares what went wrong and not when, with which orders, or on which connection: the
// reason may name ports, seconds and places in the batch.
func sameFault(x, y contracts.FailedCall) bool {
	return x.Call == y.Call && x.Target == y.Target && x.Method == y.Method && x.Path == y.Path &&
		x.Status == y.Status && x.Verdict == y.Verdict && withoutDigits(x.Reason) == withoutDigits(y.Reason)
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, s)
}

// note takes down how a call went wrong, unless it was broken off from here. That the log of a peer has
// moved is a part of comparing.
func (c *client) note(ctx context.Context, r response) {
	if r.verdict == settled || ctx.Err() != nil || r.problem == problemLogMoved {
		return
	}
	now, ids := time.Now().UTC().Truncate(time.Microsecond), r.asked.ids
	c.failed.add(contracts.FailedCall{
		At: now, Since: now, Count: 1,
		Call: r.asked.name, Target: c.target, Method: r.asked.method, Path: r.asked.path, RequestID: r.asked.requestID,
		Entries: int64(len(ids)), Orders: slices.Clone(ids[:min(len(ids), contracts.FailedOrdersMax)]), SentBytes: int64(r.asked.bytes),
		ElapsedMs: r.asked.elapsed.Milliseconds(), Status: int64(r.status),
		ContentType: c.heard(r.contentType, contracts.FailedHeaderMax), RetryAfter: c.heard(r.retryText, contracts.FailedHeaderMax),
		Reason: c.heard(r.reason, contracts.FailedReasonMax), Said: r.said, Verdict: r.verdict.String(),
	})
}

// heard is a text of a service as it may be shown.
func (c *client) heard(s string, runesMax int) string {
	return cut(cover(printable(s), c.token), runesMax)
}
