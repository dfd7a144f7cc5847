package connector_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/orders"
)

func (w *world) status() *contracts.SystemStatus {
	w.t.Helper()
	s, err := w.connector.Status(w.t.Context())
	require.NoError(w.t, err)
	return s
}

func TestStatusShowsWhatIsUnderWayAndWhatIsNotTakenOver(t *testing.T) {
	w := newWorld(t)
	require.Empty(t, w.status().Alarms)
	require.True(t, w.status().Imported)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	w.crash = connector.PointWritten
	w.peer.edit(id, note("under way"))
	require.Error(t, carry(w.peer, w.shadow))
	w.crash = ""
	s := w.status()
	require.EqualValues(t, 1, s.UnderWayCount)
	require.Equal(t, id.String(), s.UnderWay[0].ID)
	w.waits += time.Hour
	require.Contains(t, strings.Join(w.status().Alarms, "\n"), "a write to fake is under way")
	w.settle()
	require.Zero(t, w.status().UnderWayCount)

	w.shop.edit(foreignID, func(o *contracts.Order) { o.Status = "unheard of" })
	w.settle()
	s = w.status()
	require.EqualValues(t, 1, s.FaultCount)
	require.Equal(t, "http://shop/"+foreignID, s.Faults[0].Link)
	require.Contains(t, strings.Join(s.Alarms, "\n"), "cannot be taken over")
	in, err := w.connector.OrderIn(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, foreignID, in.ForeignID)
	_, err = w.connector.OrderIn(t.Context(), uuid.New())
	require.Equal(t, orders.NotFound, orders.KindOf(err))
}

// TestTheLevelIsLoweredWhenWritesChangeOtherFields: what a system does counts for more than what is said of it.
func TestTheLevelIsLoweredWhenWritesChangeOtherFields(t *testing.T) {
	w := newWorld(t)
	w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	require.Equal(t, contracts.LevelLossless, w.status().Level)
	n := 0
	w.shop.rewrite = func(o *contracts.Order) {
		n++
		o.Customer.Company = strings.Repeat("x", n)
	}
	for i := range 3 {
		w.peer.edit(id, note(strings.Repeat("y", i+1)))
		w.settle()
	}
	require.Equal(t, contracts.LevelBestEffort, w.status().Level)
	require.Len(t, w.status().Alarms, 1)
	require.Contains(t, w.status().Alarms[0], "customerNote changed customer too")
	w.shop.rewrite = nil
	w.peer.edit(id, note("z"))
	w.settle()
	w.start()
	require.Equal(t, contracts.LevelBestEffort, w.status().Level, "one that goes well proves nothing, nor does a restart")
	_, err := w.connector.Probe(t.Context(), "A", "EUR")
	require.NoError(t, err)
	require.Equal(t, contracts.LevelLossless, w.status().Level, "a probe does")
}

// TestEditsAtTheMomentOfAWriteDoNotLowerTheLevel: they are somebody's, and not what the system does.
func TestEditsAtTheMomentOfAWriteDoNotLowerTheLevel(t *testing.T) {
	w := newWorld(t)
	w.shop.conditional = false
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	for i := range 8 {
		if i%3 != 2 {
			w.shop.after = once("update", func() error {
				w.shop.edit(foreignID, func(o *contracts.Order) { o.Customer.Company = strings.Repeat("x", i+1) })
				return nil
			})
		}
		w.peer.edit(id, note(strings.Repeat("y", i+1)))
		w.settle()
	}
	w.equal(id)
	require.Equal(t, contracts.LevelDetects, w.status().Level)
}

func TestADryRunChangesNothing(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	id := w.peer.only()
	dry := connector.New(connector.Options{Side: "s", Mode: connector.DryRun, Poll: time.Hour, Sweep: time.Hour, Gone: time.Minute, Now: clock},
		w.shop, mapping{}, w.shadow.store.Connector(), zap.NewNop())
	shadow := newSide(t, "s", "p", w.store, dry)
	dry.Use(shadow.service)
	require.NoError(t, dry.Lead(t.Context()))
	w.shop.edit(foreignID, note("by the shop"))
	w.shop.place("S-2")
	w.peer.edit(id, note("by the peer"))
	calls := w.shop.count("update") + w.shop.count("create")
	require.NoError(t, dry.Sweep(t.Context()))
	require.Equal(t, orders.OutsideUnavailable, orders.KindOf(carry(w.peer, shadow)))
	require.Equal(t, calls, w.shop.count("update")+w.shop.count("create"), "not one writing request")
	require.Empty(t, shadow.order(id).CustomerNote)
	require.Nil(t, shadow.due())
	s, err := dry.Status(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, s.WouldRecord)
	require.EqualValues(t, 1, s.WouldWrite)
}

func TestProbe(t *testing.T) {
	for name, conditional := range map[string]bool{contracts.LevelLossless: true, contracts.LevelDetects: false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.shop.conditional = conditional
			w.shop.now = time.Now().UTC()
			got, err := w.connector.Probe(t.Context(), "A", "EUR")
			require.NoError(t, err)
			require.Equal(t, name, got.Level, got.Steps)
			require.True(t, w.status().Probed)
			require.Equal(t, name, w.status().Level)
			w.sweep()
			w.settle()
			list, _, err := w.peer.service.List(t.Context(), orders.Query{Limit: 10})
			require.NoError(t, err)
			require.Empty(t, list, "the scratch order is no order of ours")
			w.start()
			require.True(t, w.status().Probed, "it is kept")
		})
	}
	t.Run(contracts.LevelBestEffort, func(t *testing.T) {
		w := newWorld(t)
		w.shop.rewrite = func(o *contracts.Order) { o.CustomerNote = "" }
		got, err := w.connector.Probe(t.Context(), "A", "EUR")
		require.NoError(t, err)
		require.Equal(t, contracts.LevelBestEffort, got.Level, got.Steps)
	})
}

// TestNoticesAreHints: one that is signed makes the connector look; a forged or repeated one does nothing.
func TestNoticesAreHints(t *testing.T) {
	w := newWorld(t)
	foreignID := w.shop.place("S-1")
	w.settle()
	require.Nil(t, w.connector.Hints(), "without a secret none is taken")
	w.webhook = connector.Webhook{Secret: "whsec", Signature: "X-Signature", ID: "id"}
	w.start()
	h := w.connector.Hints()
	send := func(body, secret string) int {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, "/system/hints", bytes.NewReader([]byte(body)))
		r.Header.Set("X-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		return answer.Code
	}
	gets := func() int {
		before := w.shop.count("get")
		w.poll()
		return w.shop.count("get") - before
	}
	w.poll()
	w.poll()
	require.Zero(t, gets())
	require.Equal(t, http.StatusUnauthorized, send(`{"id":`+foreignID+`}`, "forged"))
	require.Zero(t, gets())
	require.Equal(t, http.StatusNoContent, send(`{"id":`+foreignID+`,"n":1}`, "whsec"))
	require.Equal(t, 1, gets())
	require.Equal(t, http.StatusNoContent, send(`{"id":`+foreignID+`,"n":1}`, "whsec"))
	require.Zero(t, gets(), "it came before")
	require.Equal(t, http.StatusNoContent, send(`{"id":"`+foreignID+`","n":2}`, "whsec"))
	require.Equal(t, 1, gets(), "some systems have ids that are texts")
	for _, body := range []string{`{"webhook_id":7}`, `nonsense`, `{"id":{}}`, `{"id":null}`} {
		require.Equal(t, http.StatusNoContent, send(body, "whsec"))
		require.Zero(t, gets())
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, send(strings.Repeat("x", 2<<20), "whsec"))
}
