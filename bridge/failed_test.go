package bridge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// fault is a failed call of a second.
func fault(reason string, second int) contracts.FailedCall {
	at := time.Unix(int64(second), 0).UTC()
	return contracts.FailedCall{
		At: at, Since: at, Count: 1, Call: "tell", Target: "remote", Method: "PUT", Path: pathTransactions, RequestID: fmt.Sprint("r-", second), Reason: reason, Verdict: "retry",
	}
}

func TestTheSameFaultIsCounted(t *testing.T) {
	f := &failedCalls{}
	f.add(fault("read tcp 127.0.0.1:4711->127.0.0.1:80: reset", 1))
	f.add(fault("status 502", 2))
	f.add(fault("read tcp 127.0.0.1:4712->127.0.0.1:80: reset", 3))
	other := fault("status 502", 4)
	other.Verdict = "split"
	f.add(other)
	got := f.last()
	require.Len(t, got, 3)
	require.Equal(t, []string{"r-4", "r-3", "r-2"}, []string{got[0].RequestID, got[1].RequestID, got[2].RequestID}, "newest first")
	require.Equal(t, []int64{1, 2, 1}, []int64{got[0].Count, got[1].Count, got[2].Count})
	require.Equal(t, time.Unix(1, 0).UTC(), got[1].Since)
	require.Equal(t, time.Unix(3, 0).UTC(), got[1].At)
	require.Contains(t, got[1].Reason, "4712")
}

func TestOnlyTheLastFaultsAreKept(t *testing.T) {
	f := &failedCalls{}
	for i := range 26 {
		f.add(fault(strings.Repeat("x", i+1), i))
	}
	got := f.last()
	require.Len(t, got, contracts.FailedCallsMax)
	require.Equal(t, "r-25", got[0].RequestID)
	require.Equal(t, "r-6", got[19].RequestID)
}

func TestTheContractNamesCallsAndVerdicts(t *testing.T) {
	require.Equal(t, contracts.FailedVerdicts, verdictNames[1:])
	for _, c := range []call{lookup, remotePut, localPut} {
		require.Equal(t, contracts.BridgeCalls[c], c.name())
	}
}

// TestAReportFits: whatever services answer, a report is not too long to be listened to.
func TestAReportFits(t *testing.T) {
	b := contracts.BridgeReport{Instance: "one", Peer: "b", State: "waiting", Circuit: "open", Since: time.Now(), At: time.Now()}
	for i := range contracts.FailedCallsMax {
		c := fault(strings.Repeat("𝔸", contracts.FailedReasonMax), i)
		c.Said = strings.Repeat("𝔸", contracts.FailedSaidMax)
		require.Empty(t, c.Validate())
		b.Failed = append(b.Failed, c)
	}
	data, err := encodeReport(b)
	require.NoError(t, err)
	require.LessOrEqual(t, len(data), contracts.BridgeReportBytesMax)
	require.Greater(t, len(data), contracts.BridgeReportBytesMax/2)
	var got contracts.BridgeReport
	require.NoError(t, strictjson.Decode(data, &got))
	require.Equal(t, b.Failed[:len(got.Failed)], got.Failed, "the newest")
}

// TestThePipeTellsWhatWentWrong at each of its steps.
func TestThePipeTellsWhatWentWrong(t *testing.T) {
	down := func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("<html>\r\n<h1>Bad Gateway</h1>"))
	}
	for name, c := range map[string]struct {
		breakDown func(p *pair)
		method    string
		path      string
		target    string
	}{
		"lookup": {func(p *pair) { breaking(p.local, `"ids"`, down) }, "POST", pathLookup, "local"},
		"tell":   {func(p *pair) { breaking(p.remote, "", down) }, "PUT", pathTransactions, "remote"},
		"store":  {func(p *pair) { breaking(p.local, `"entries"`, down) }, "PUT", pathTransactions, "local"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			all := hints(7)
			p.edit(all, 1)
			c.breakDown(p)
			p.try(t.Context(), p.receive(messages(all)))
			got := p.pipe.local.failed.last()
			require.Len(t, got, 1)
			require.Empty(t, got[0].Validate())
			require.WithinDuration(t, time.Now(), got[0].At, time.Hour)
			require.Positive(t, got[0].SentBytes)
			want := contracts.FailedCall{
				At: got[0].At, Since: got[0].At, Count: 1, Call: name, Target: c.target, Method: c.method, Path: c.path, RequestID: "test-1",
				Entries: 7, Orders: []string{orderID(0), orderID(1), orderID(2), orderID(3), orderID(4)}, SentBytes: got[0].SentBytes, ElapsedMs: got[0].ElapsedMs,
				Status: 502, ContentType: "text/html; charset=utf-8", RetryAfter: "1", Verdict: "retry",
				Reason: "status 502, not an answer of an Orders service", Said: "<html> <h1>Bad Gateway</h1>",
			}
			require.Equal(t, want, got[0])
		})
	}
}

func TestARefusedOrderIsToldWithTheWayToIt(t *testing.T) {
	p := newPair(t)
	all := hints(4)
	p.edit(all, 1)
	p.remote.poison[orderID(1)] = true
	p.run(all)
	got := p.pipe.remote.failed.last()
	require.Len(t, got, 2)
	require.Equal(t, "refused", got[0].Verdict)
	require.Equal(t, []string{orderID(1)}, got[0].Orders)
	require.Equal(t, "Content not accepted: lines must not be empty", got[0].Reason)
	require.Empty(t, got[0].Said)
	require.Equal(t, "split", got[1].Verdict)
	require.Equal(t, int64(2), got[1].Count, "of four, and of two")
}

func TestWhatIsNotAnAnswerIsTold(t *testing.T) {
	p := newPair(t)
	all := hints(1)
	p.edit(all, 1)
	breaking(p.remote, "", func(w http.ResponseWriter) {
		respond(t, w, http.StatusOK, contracts.Batch{Side: "b", Entries: []contracts.Entry{}})
	})
	p.try(t.Context(), p.receive(messages(all)))
	got := p.pipe.remote.failed.last()
	require.Len(t, got, 1)
	require.Equal(t, "status 200, but not an answer to what was asked: 0 answers to 1 entries", got[0].Reason)
	require.Empty(t, got[0].Said)
}

// TestReasonsDoNotRepeatTheToken: they go to the log, the report, and with a refused order.
func TestReasonsDoNotRepeatTheToken(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"a problem": func(w http.ResponseWriter) { refuse(w, http.StatusUnauthorized, "No", "not with "+remoteToken) },
		"a name in an answer": func(w http.ResponseWriter) {
			respond(t, w, http.StatusOK, map[string]any{"side": "b", "entries": []any{map[string]any{remoteToken: 1}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			all := hints(1)
			p.edit(all, 1)
			breaking(p.remote, "", answer)
			r := p.try(t.Context(), p.receive(messages(all)))
			require.NotContains(t, r.reason, remoteToken)
			require.Contains(t, r.reason, "…")
		})
	}
}

func TestWhatWentWellOrWasBrokenOffIsNotTold(t *testing.T) {
	p := newPair(t)
	all := hints(3)
	p.edit(all, 1)
	p.run(all)
	(&clerk{pipe: p.pipe}).greet(t.Context())
	broken, breakOff := context.WithCancel(t.Context())
	breakOff()
	p.try(broken, p.receive(messages(hints(1))))
	require.Empty(t, p.pipe.local.failed.last())
}

// TestOtherCallsAreToldToo: those of reconciliations, but for what belongs to them.
func TestOtherCallsAreToldToo(t *testing.T) {
	p := newPair(t)
	claim := contracts.ReconciliationClaim{Peer: "b", Runner: "test"}
	p.local.set(func() {
		p.local.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusConflict, "Conflict", "another one is open")
			return true
		}
	})
	_, err := p.claim(t.Context(), claim)
	require.ErrorIs(t, err, errTaken)
	require.Empty(t, p.pipe.local.failed.last())
	p.local.set(func() {
		p.local.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, http.StatusForbidden, "Not allowed", "")
			return true
		}
	})
	_, err = p.claim(t.Context(), claim)
	require.Error(t, err)
	p.pipe.local.get(t.Context(), "/orders/entries?from=secret", "r-2")
	got := p.pipe.local.failed.last()
	require.Len(t, got, 2)
	require.Equal(t, []string{"other", "GET", "/orders/entries"}, []string{got[0].Call, got[0].Method, got[0].Path})
	require.Equal(t, []string{"other", "POST", pathReconciliations}, []string{got[1].Call, got[1].Method, got[1].Path})
	require.Equal(t, "Not allowed", got[1].Reason)
	for i := range got {
		require.Empty(t, got[i].Validate())
	}
}

// TestJSONOfAnotherShapeIsTold wherever it comes from: reconciliations ask for much beside the exchange.
func TestJSONOfAnotherShapeIsTold(t *testing.T) {
	for path, ask := range map[string]func(p *pair) error{
		"/orders/fingerprints": func(p *pair) error {
			c := comparison{here: p.pipe.local, sideHere: "a", requestID: "r-1"}
			_, err := c.rangeList(t.Context(), c.here, c.sideHere, span{}, 1, nil)
			return err
		},
		pathReconciliations: func(p *pair) error {
			_, err := p.claim(t.Context(), contracts.ReconciliationClaim{Peer: "b", Runner: "test"})
			return err
		},
		pathReconciliations + "/" + orderID(0): func(p *pair) error {
			return newReconciler(p.pipe).progress(t.Context(), orderID(0), "running", "")
		},
	} {
		t.Run(path, func(t *testing.T) {
			p := newPair(t)
			p.local.instead = func(w http.ResponseWriter, _ *http.Request) bool {
				jsonBody(http.StatusOK, `{"error":"busy","`+localToken+`":1}`)(w)
				return true
			}
			err := ask(p)
			require.ErrorContains(t, err, "not an answer to what was asked")
			require.NotContains(t, err.Error(), localToken)
			got := p.pipe.local.failed.last()
			require.Len(t, got, 1)
			require.Empty(t, got[0].Validate())
			require.Equal(t, []string{"other", path, "retry", ""}, []string{got[0].Call, got[0].Path, got[0].Verdict, got[0].Said})
			require.Contains(t, got[0].Reason, "status 200, but not an answer to what was asked: ")
			require.NotContains(t, got[0].Reason, localToken)
		})
	}
}

func TestSeparateClientsNoteInTheSamePlace(t *testing.T) {
	p := newTestPipe(zap.NewNop(), nil, nil)
	require.Same(t, p.local.failed, p.separate().remote.failed)
}
