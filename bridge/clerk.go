package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const (
	pathReconciliations = "/orders/reconciliations"
	pathProofs          = "/orders/proofs"
	claimEvery          = 2 * time.Second
	// progressEvery is how often a runner gives a sign of life; its lease is many times as long.
	progressEvery = time.Second
)

// clerk does what is not about single orders: it greets the peer, so that each side hears what the other
// has seen of it, and runs the reconciliations that the own service wants.
type clerk struct {
	*pipe
	paused func() bool // the consumer stands still: what is due is not carried by the bridges
}

// run works until ctx is done.
func (c *clerk) run(ctx context.Context) {
	var greeting sync.WaitGroup
	greeting.Go(func() { // a reconciliation may take long, and the sides go on to look at each other
		for {
			if c.greet(ctx) {
				c.circuit.greeted()
			}
			if sleep(ctx, claimEvery, nil) != nil {
				return
			}
		}
	})
	defer greeting.Wait()
	for sleep(ctx, claimEvery, nil) == nil {
		job, err := c.claim(ctx, contracts.ReconciliationClaim{Peer: c.peer, Runner: c.instance})
		if err != nil {
			c.log.Debug("no reconciliation can be asked for now", zap.Error(err))
			continue
		}
		if job == nil {
			continue
		}
		r := newReconciler(c.pipe.separate())
		r.leaveDue = func() bool { return !c.paused() }
		if err := r.carryOut(ctx, job); err != nil && ctx.Err() == nil {
			c.log.Warn("reconciliation ended early", zap.String("id", job.ID), zap.Error(err))
		}
	}
}

// separate is the pipe with clients that count for themselves.
func (p *pipe) separate() *pipe {
	return &pipe{
		side: p.side, peer: p.peer, local: p.local.separate(), remote: p.remote.separate(), circuit: p.circuit, metrics: p.metrics,
		log: p.log, instance: p.instance, delayMax: p.delayMax, paused: p.paused, ackWait: p.ackWait,
	}
}

// greet has both sides tell what they have seen of each other, without any order.
func (c *clerk) greet(ctx context.Context) (passed bool) {
	began, requestID := time.Now(), fmt.Sprintf("%s-%d", c.instance, c.requests.Add(1))
	body, err := strictjson.Encode(contracts.Lookup{Peer: c.peer, IDs: []string{}, All: true})
	if err != nil { // a name always encodes
		panic(err)
	}
	r := c.local.send(ctx, lookup, requestID, body, nil)
	if r.verdict == settled {
		var got *found
		if got, err = readLookup(r.data, c.side, nil); err == nil {
			r = c.remote.send(ctx, remotePut, requestID, batchBody(c.side, nil, orEmpty(got.seen)), nil)
		}
	}
	if err == nil && r.verdict == settled {
		var heard *answered
		if heard, err = readAnswers(r.data, c.peer, nil); err == nil {
			r = c.local.send(ctx, localPut, requestID, batchBody(c.peer, nil, orEmpty(heard.seen)), nil)
		}
	}
	if ctx.Err() != nil { // broken off from here, which shows nothing
		return false
	}
	reason := ""
	if err != nil {
		reason = err.Error()
	} else if r.verdict != settled {
		reason = r.reason
	}
	if reason != "" {
		reason = cut(r.call.target()+": "+reason, contracts.FailedReasonMax)
		c.log.Debug("handshake failed", zap.String("reason", reason))
	}
	c.handshakes.note(began, reason, r.verdict == unauthorized)
	return reason == ""
}

// orEmpty makes a greeting one, even when nothing was seen yet.
func orEmpty(seen map[string]int64) map[string]int64 {
	if seen == nil {
		return map[string]int64{}
	}
	return seen
}

// claim asks the own service for a reconciliation to run; nil when there is none.
func (p *pipe) claim(ctx context.Context, claim contracts.ReconciliationClaim) (*contracts.Reconciliation, error) {
	body, err := strictjson.Encode(claim)
	if err != nil {
		return nil, err
	}
	requestID := fmt.Sprintf("%s-%d", p.instance, p.requests.Add(1))
	r := p.local.ask(ctx, http.MethodPost, pathReconciliations, requestID, body)
	if r.status == http.StatusNoContent {
		return nil, nil
	}
	if r.status == http.StatusConflict && r.body == problem {
		return nil, fmt.Errorf("%w: %s", errTaken, r.reason)
	}
	var job contracts.Reconciliation
	return &job, p.local.readAs(ctx, r, &job)
}

// errTaken tells that another reconciliation is open.
var errTaken = errors.New("another one is open")

// claimPatience is how long a command waits for a reconciliation of the bridge to end.
const claimPatience = time.Minute

// claimPatiently claims a reconciliation as soon as one that is under way has ended.
func (p *pipe) claimPatiently(ctx context.Context, claim contracts.ReconciliationClaim) (*contracts.Reconciliation, error) {
	for began := time.Now(); ; {
		job, err := p.claim(ctx, claim)
		if !errors.Is(err, errTaken) || time.Since(began) > claimPatience {
			return job, err
		}
		if err := sleep(ctx, progressEvery, nil); err != nil {
			return nil, err
		}
	}
}

// errDropped tells that a person has ended the reconciliation, or another runner has taken it over.
var errDropped = errors.New("it was ended, or taken over by another runner")

// carryOut runs a reconciliation that was claimed and tells the own service how it goes and ends.
func (r *reconciler) carryOut(ctx context.Context, job *contracts.Reconciliation) error {
	r.dryRun, r.brake = job.DryRun, job.Brake
	r.planOnly = job.Cause == "restored" && job.DecidedAt == nil
	r.delivered = !job.Paused && job.Cause != "restored"
	if due := r.leaveDue; job.Cause == "restored" { // the link is held until the plan is carried out
		r.leaveDue = func() bool { return r.Report().CarriedOut && due() }
	}
	if job.Cause == "firstContact" { // orders from before there was a link look as if they were due, and have no hint
		r.leaveDue = func() bool { return false }
	}
	r.except = map[string]bool{}
	for _, id := range job.Except {
		r.except[id] = true
	}
	r.log.Info("reconciliation begins", zap.String("id", job.ID), zap.String("cause", job.Cause), zap.Bool("dry_run", job.DryRun))
	running, stop := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for sleep(running, progressEvery, nil) == nil {
			if err := r.progress(running, job.ID, "running", ""); errors.Is(err, errDropped) {
				stop(err)
			}
		}
	}()
	err := r.run(running)
	if cause := context.Cause(running); errors.Is(cause, errDropped) {
		err = cause
	}
	stop(nil)
	<-ended
	state, reason := "done", ""
	switch {
	case ctx.Err() != nil, errors.Is(err, errDropped):
		return err // whoever comes next goes on with it
	case errors.Is(err, errHeld):
		state, reason = "held", err.Error()
	case err != nil:
		state, reason = "failed", err.Error()
	}
	rep := r.Report()
	r.log.Info("reconciliation ends", zap.String("id", job.ID), zap.String("state", state), zap.String("reason", reason), zap.Bool("equal", rep.Equal),
		zap.Int64("orders", rep.Orders), zap.Any("found", rep.Found), zap.Int("sent", rep.Sent), zap.Int("passes", rep.Passes), zap.Float64("seconds", rep.Seconds))
	told := r.endTold(ctx, job.ID, state, reason)
	if rep.Equal && err == nil {
		told = errors.Join(told, r.prove(ctx, rep))
	}
	return errors.Join(err, told)
}

// endTold tells the own service how it ended; what may pass by is tried again.
func (r *reconciler) endTold(ctx context.Context, id, state, reason string) (err error) {
	for try := range triesMax {
		if err = r.progress(ctx, id, state, reason); err == nil || errors.Is(err, errDropped) {
			return err
		}
		if sleep(ctx, time.Duration(try+1)*backoffBase, nil) != nil {
			break
		}
	}
	return fmt.Errorf("how it ended cannot be told: %w", err)
}

func (r *reconciler) progress(ctx context.Context, id, state, reason string) error {
	body, err := strictjson.Encode(contracts.ReconciliationProgress{Runner: r.instance, State: state, Reason: reason, Report: r.Report()})
	if err != nil {
		return err
	}
	requestID := fmt.Sprintf("%s-%d", r.instance, r.requests.Add(1))
	var now contracts.Reconciliation
	answer := r.books[0].ask(ctx, http.MethodPut, pathReconciliations+"/"+id, requestID, body)
	if err := r.books[0].readAs(ctx, answer, &now); err != nil {
		return err
	}
	again := state == "failed" && (now.State == "requested" || now.State == "confirmed") // of a held link: it is tried again
	if now.State != state && !again || now.Runner != r.instance {
		return errDropped
	}
	return nil
}

// prove has the peer's service remember that both were equal.
func (r *reconciler) prove(ctx context.Context, rep *contracts.ReconcileReport) error {
	body, err := strictjson.Encode(contracts.Proof{
		Side: rep.Side, Peer: rep.Peer, At: time.Now().UTC(), Orders: rep.Orders, Hash: rep.Hash, Position: rep.Position, PeerPosition: rep.PositionThere,
	})
	if err != nil {
		return err
	}
	requestID := fmt.Sprintf("%s-%d", r.instance, r.requests.Add(1))
	for try := 1; ; try++ {
		resp := r.books[1].ask(ctx, http.MethodPost, pathProofs, requestID, body)
		if resp.status == http.StatusNoContent {
			return nil
		}
		if resp.status == http.StatusConflict && resp.body == problem { // it has changed too much since; the next one may be taken
			r.log.Info("equality proof not taken by the peer", zap.String("reason", resp.reason))
			return nil
		}
		if err := tryAgain(ctx, r.remote, try, resp); err != nil {
			return fmt.Errorf("the proof cannot be told to the peer: %w", err)
		}
	}
}
