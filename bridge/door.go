package bridge

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// door is what a client knows of the way to its service: whether a batch without orders passes, in which
// nothing on the way can dislike a content.
type door struct {
	side, answers string       // in whose name batches go, and who answers them
	passed        atomic.Int64 // when a batch last passed, in nanoseconds; 0 for never
	limited       atomic.Int64 // when something foreign last asked for time
}

// blame finds out what a foreign answer to a batch is about. A web filter refuses a request for what an order
// says, with any status that it likes; a wrong address, or a token that a proxy does not accept, is answered
// the same way whatever is sent. Where an empty batch passes, it is about the content.
func (c *client) blame(ctx context.Context, r response) response {
	r.verdict = judge(r.outcome)
	if c.door == nil || r.call == lookup {
		return r
	}
	now := time.Now().UnixNano()
	if r.verdict == settled {
		c.door.passed.Store(now)
		return r
	}
	if r.entries == 0 || r.body != foreign {
		return r
	}
	switch {
	case asksForTime(r.outcome): // so nothing is sent now: handshakes, or other batches, show whether they pass
		before := c.door.limited.Swap(now)
		r.passes = before > 0 && c.door.passed.Load() > before
	case r.status < http.StatusInternalServerError: // above, it may be too much at once: halved after a pause
		r.passes = c.opens(ctx, r)
	}
	if r.passes {
		r.verdict = judge(r.outcome)
		r.reason += "; an empty batch passes"
	}
	return r
}

// opens sends an empty batch the way on which a request was answered by something else.
func (c *client) opens(ctx context.Context, after response) bool {
	a := after.asked
	a.ids = nil
	header := http.Header{}
	if after.call == localPut {
		header.Set("Prefer", preferMinimal)
	}
	r := c.exchange(ctx, a, a.path, header, batchBody(c.door.side, nil, nil))
	c.observe(c.target, codeOf(r), r.asked.elapsed)
	r.call = after.call
	if judge(r.outcome) != settled {
		return false
	}
	if r.call == localPut {
		return true
	}
	batch, err := strictjson.DecodeBatch(r.data, 0)
	return err == nil && batch.Side == c.door.answers
}

// codeOf is the status of an answer, as metrics name it.
func codeOf(r response) string {
	if r.lost {
		return "none"
	}
	return strconv.Itoa(r.status)
}
