package bridge

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHintsFlowFromJetStream(t *testing.T) {
	r := newRig(t)
	r.declare(30 * time.Second)
	r.startBridge()
	r.edit(hints(600), 1)
	r.synced()
	r.edit(hints(10), 2)
	r.synced()
	require.Zero(t, r.info().NumRedelivered)
}

func TestAManyTimesEditedOrderIsSyncedOnce(t *testing.T) {
	r := newRig(t)
	r.declare(30 * time.Second)
	for version := range int64(5) {
		r.edit(hints(20), version+1)
	}
	r.startBridge()
	r.synced()
	require.Equal(t, "lookup 20", fmt.Sprintf("lookup %d", r.asked()), "the newest hint of each order")
}

// asked counts the orders that were looked up.
func (r *rig) asked() (n int) {
	r.local.set(func() {
		for _, request := range r.local.requests {
			var one int
			if _, err := fmt.Sscanf(request, "lookup %d", &one); err == nil {
				n += one
			}
		}
	})
	return n
}

func TestABridgeWaitsForBrokerStreamAndConsumer(t *testing.T) {
	r := newRig(t)
	r.stop()
	bridge := r.startBridge()
	require.Equal(t, http.StatusServiceUnavailable, get(t, bridge.address+"/readyz", ""))
	require.Equal(t, http.StatusOK, get(t, bridge.address+"/healthz", ""))
	eventually(t, "missed the broker", func() bool {
		return bridge.logs.FilterField(zap.Error(errDisconnected)).Len() == 1
	})
	r.start()
	eventually(t, "missed the stream", func() bool {
		return bridge.logs.FilterMessage("consumer not available, trying again").Len() >= 2
	})
	require.Equal(t, http.StatusServiceUnavailable, get(t, bridge.address+"/readyz", ""))
	r.declare(30 * time.Second)
	r.edit(hints(5), 1)
	r.synced()
	require.Equal(t, http.StatusOK, get(t, bridge.address+"/readyz", ""))
}

func TestABridgeComesBackAfterItsBroker(t *testing.T) {
	r := newRig(t)
	r.declare(time.Second)
	r.startBridge()
	for round := range int64(2) {
		r.edit(hints(50), round+1)
		r.stop() // with some of them under way
		r.start()
		r.synced()
	}
}

func TestABrokerThatLostEverything(t *testing.T) {
	r := newRig(t)
	r.declare(30 * time.Second)
	bridge := r.startBridge()
	r.edit(hints(5), 1)
	r.synced()
	require.NoError(t, r.js.DeleteStream(t.Context(), contracts.HintStream))
	eventually(t, "noticed", func() bool { return get(t, bridge.address+"/readyz", "") == http.StatusServiceUnavailable })
	r.declare(30 * time.Second)
	r.edit(hints(5), 2)
	r.synced()

	r.stop()
	require.NoError(t, os.RemoveAll(r.dir))
	r.start()
	r.declare(30 * time.Second)
	r.edit(hints(5), 3)
	r.synced()
}

func TestWhatADeadBridgeHadInHandComesAgain(t *testing.T) {
	r := newRig(t)
	r.declare(time.Second)
	r.edit(hints(40), 1)
	broker, err := connect(r.config, zap.NewNop())
	require.NoError(t, err)
	dead := broker.consumer("b", zap.NewNop())
	took := 0
	eventually(t, "hints fetched", func() bool {
		some, err := dead.fetch(t.Context(), 30-took)
		took += len(some)
		return err == nil && took == 30
	})
	require.Equal(t, time.Second, dead.ackWait())
	dead.nc.Close() // dies with them

	bridge := r.startBridge()
	r.synced()
	require.GreaterOrEqual(t, metric(t, bridge, r, "redelivered_total"), 30)
}

func TestAnOutageDoesNotDeliverAgain(t *testing.T) {
	r := newRig(t)
	r.declare(3 * time.Second)
	r.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, http.StatusNotFound, "No such thing", "")
		return true
	}
	r.edit(hints(100), 1)
	bridge := r.startBridge()
	eventually(t, "circuit opened", func() bool { return bridge.logs.FilterMessage("circuit opened").Len() > 0 })
	held := time.Now()
	eventually(t, "held for longer than the AckWait", func() bool {
		info := r.info()
		require.Zero(t, info.NumRedelivered)
		require.LessOrEqual(t, info.NumAckPending, 100)
		return time.Since(held) > 4*time.Second
	})
	r.remote.set(func() { r.remote.instead = nil })
	r.synced()
	require.Zero(t, metric(t, bridge, r, "redelivered_total"))
}

func TestAPauseIsObeyed(t *testing.T) {
	r := newRig(t)
	r.declare(time.Minute)
	r.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	r.edit(hints(10), 1)
	bridge := r.startBridge()
	eventually(t, "in hand", func() bool { return r.info().NumAckPending > 0 })
	_, err := r.js.PauseConsumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b"), time.Now().Add(time.Hour))
	require.NoError(t, err)
	// What the bridge had in hand it gives back, and then it tries no more.
	eventually(t, "paused", func() bool { return metric(t, bridge, r, "paused") == 1 })
	eventually(t, "given back", func() bool { return metric(t, bridge, r, `entries_total{outcome="given_back"}`) > 0 })
	r.remote.set(func() { r.remote.instead = nil })
	r.edit(hints(20), 2)
	require.Never(t, func() bool { return r.remote.count("put") > 0 }, 2*watchEvery, 50*time.Millisecond)

	_, err = r.js.ResumeConsumer(t.Context(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(t, err)
	r.synced()
	require.Less(t, metric(t, bridge, r, "redelivered_total"), 100, "what comes after the pause is worked on")
}

func TestTwoBridgesShareTheWork(t *testing.T) {
	r := newRig(t)
	r.config.Batch = 10
	r.declare(30 * time.Second)
	r.startBridge()
	r.startBridge()
	r.edit(hints(500), 1)
	r.synced()
	require.Equal(t, 500, r.asked(), "each order once")
}

func TestAStoppedBridgeLeavesNothingInHand(t *testing.T) {
	r := newRig(t)
	r.declare(time.Hour) // nothing comes back by itself
	r.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	for range 3 {
		r.edit(hints(50), 1)
		bridge := r.startBridge()
		eventually(t, "in hand", func() bool { return r.info().NumAckPending > 0 })
		bridge.stop()
	}
	r.remote.set(func() { r.remote.instead = nil })
	r.startBridge()
	r.synced()
}

func TestStopsUnderLoadLoseNothing(t *testing.T) {
	r := newRig(t)
	r.declare(time.Hour)
	for version := range int64(5) {
		bridge := r.startBridge()
		r.edit(hints(300), version+1)
		bridge.stop()
	}
	r.startBridge()
	r.synced()
}

func TestStrangeMessagesLeaveTheStream(t *testing.T) {
	r := newRig(t)
	r.declare(30 * time.Second)
	r.startBridge()
	strange := hints(1)[0]
	strange.data = []byte("\x00\xff")
	r.publish([]*hintOf{strange, hint("not-an-order", 1)})
	eventually(t, "dropped", func() bool { return r.left() == 0 })
	require.Empty(t, r.local.requests)
}

func TestTheBridgeReportsItself(t *testing.T) {
	r := newRig(t)
	reports := make(chan contracts.BridgeReport, 100)
	_, err := r.nc.Subscribe(contracts.BridgeSubjectPrefix+"b", func(m *nats.Msg) {
		var report contracts.BridgeReport
		if err := strictjson.Decode(m.Data, &report); err != nil {
			t.Errorf("report: %v", err)
		}
		select {
		case reports <- report:
		default:
		}
	})
	require.NoError(t, err)
	next := func(state string) contracts.BridgeReport {
		for {
			select {
			case report := <-reports:
				if report.State == state {
					return report
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("no report %q", state)
			}
		}
	}
	bridge := r.startBridge()
	require.NotEmpty(t, next("waiting").LastError)
	r.declare(30 * time.Second)
	report := next("running")
	require.Equal(t, "closed", report.Circuit)
	require.NotEmpty(t, report.Instance)

	r.remote.set(func() {
		r.remote.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusUnauthorized, "Token not accepted", "")
			return true
		}
	})
	r.edit(hints(1), 1)
	report = next("unauthorized")
	require.Equal(t, "remote: Token not accepted", report.LastError)
	require.Equal(t, "open", report.Circuit)
	require.True(t, report.RetryAt.After(report.At))
	require.Equal(t, "unauthorized", report.Failed[0].Verdict)
	require.Equal(t, "Token not accepted", report.Failed[0].Reason)
	require.False(t, report.Since.After(report.At))
	require.Equal(t, 1, metric(t, bridge, r, "unauthorized"))
	require.Equal(t, 1, bridge.logs.FilterLevelExact(zap.ErrorLevel).Len(), "one alarm")
}
