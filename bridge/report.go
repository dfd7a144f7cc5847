package bridge

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const reportEvery = 2 * time.Second

// Names of contracts.BridgeStates.
const (
	stateRunning      = "running"
	stateWaiting      = "waiting"
	stateUnauthorized = "unauthorized"
)

// reporter tells the services of this side how the bridge is, regularly and on each change.
type reporter struct {
	instance, peer string
	changed        chan struct{} // holds one: a change that was not reported yet
	circuit        *circuit
	missing        func() string // why nothing can be fetched
	delivered      func() int64
	failed         func() []contracts.FailedCall
	retried        func() []contracts.RetriedOrder
	handshakes     func() handshakeState
	publish        func(subject string, data []byte) error
	log            *zap.Logger

	state string
	since time.Time
}

// run reports until ctx is done.
func (r *reporter) run(ctx context.Context) {
	for {
		data, err := encodeReport(r.report(time.Now()))
		if err == nil {
			err = r.publish(contracts.BridgeSubjectPrefix+r.peer, data)
		}
		if err != nil { // nobody decides by reports, and the next one is due soon
			r.log.Debug("report", zap.Error(err))
		}
		if sleep(ctx, reportEvery, r.changed) != nil {
			return
		}
	}
}

// report describes the bridge as it is at a time, which is now.
func (r *reporter) report(now time.Time) contracts.BridgeReport {
	circuit, missing, greeted := r.circuit.state(), r.missing(), r.handshakes()
	state := stateRunning
	switch {
	case circuit.barred || greeted.barred:
		state = stateUnauthorized
	case circuit.name != circuitClosed, missing != "", greeted.failing != nil:
		state = stateWaiting
	}
	if state != r.state {
		r.state, r.since = state, now
	}
	b := contracts.BridgeReport{
		Instance: r.instance, Peer: r.peer, State: state, Since: r.since, Circuit: circuit.name,
		LastError: circuit.lastError, LastErrorAt: circuit.failedAt, RetryAt: circuit.until, Delivered: r.delivered(), Failed: r.failed(), At: now,
		HandshakeAt: greeted.passed, HandshakeFailing: greeted.failing, Retried: r.retried(),
	}
	switch { // why it waits, and not what is over
	case circuit.name != circuitClosed:
	case missing != "":
		b.LastError, b.LastErrorAt = missing, now
	case greeted.failing != nil:
		b.LastError, b.LastErrorAt = greeted.failing.Reason, now
	}
	return b
}

// encodeReport leaves out the oldest failed calls where they do not fit.
func encodeReport(b contracts.BridgeReport) ([]byte, error) {
	for {
		data, err := strictjson.Encode(b)
		if err != nil || len(data) <= contracts.BridgeReportBytesMax || len(b.Failed) == 0 {
			return data, err
		}
		b.Failed = b.Failed[:len(b.Failed)-1]
	}
}

// notify asks for a report soon; it never waits.
func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}
