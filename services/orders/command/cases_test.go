package command

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// collide brings a new order into a collision: note ours here, theirs on side b.
func collide(t *testing.T, s *side) *stage {
	st := &stage{side: &side{t: t, cfg: s.cfg}, o: newOrder(t, "agreed")}
	st.id = st.o.ID
	before["COLLISION"](st)
	return st
}

func (s *stage) collision() (contracts.Collision, string) {
	s.t.Helper()
	var c contracts.Collision
	a := s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions/"+s.id, nil)
	a.into(s.t, &c)
	return c, a.header.Get("ETag")
}

func (s *stage) resolve(status int, body any, headers ...string) *answer {
	s.t.Helper()
	return s.want(status, "admin", "POST", "/admin/api/collisions/"+s.id+"/resolve", body, headers...)
}

func TestCaseShowsBothVersionsWhole(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	c, _ := st.collision()
	require.Equal(t, "agreed", c.Base.Order.CustomerNote)
	require.Equal(t, "ours", c.Ours.Order.CustomerNote)
	require.Equal(t, "theirs", c.Theirs.Order.CustomerNote)
	require.Equal(t, st.o.Lines[2].SKU, c.Theirs.Order.Lines[2].SKU)
	note := "/customerNote"
	require.Equal(t, []contracts.DifferField{{Pointer: note, ChangedBy: "both", Contested: true, Policy: "manual", Base: &note, Ours: &note, Theirs: &note}}, c.Differs)
	require.Equal(t, "ours", c.Merged.CustomerNote, "a person starts from ours")
	require.False(t, c.Settles)

	// People go on working: the case shows the newest versions, from either side.
	st.o.ShippingMinor = 777
	st.edit("ours, later")
	newer := st.theirs("theirs, later")
	newer.Tags = []string{"vip"}
	st.put(http.StatusConflict, entry(t, st.id, "UPD", and(c.Base.Version, b(6)), newer))
	c, _ = st.collision()
	require.Equal(t, "ours, later", c.Ours.Order.CustomerNote)
	require.Equal(t, "theirs, later", c.Theirs.Order.CustomerNote)
	contested := map[string]bool{}
	for _, d := range c.Differs {
		contested[d.Pointer] = d.Contested
	}
	require.Equal(t, map[string]bool{"/customerNote": true, "/tags/autumn-sale": false, "/tags/gift": false, "/tags/vip": false}, contested)

	// Late news of the version before changes nothing.
	st.put(http.StatusConflict, entry(t, st.id, "UPD", and(c.Base.Version, b(5)), st.theirs("theirs")))
	again, _ := st.collision()
	require.Equal(t, c, again)
}

func TestResolve(t *testing.T) {
	s := startSide(t)
	given := func(st *stage) contracts.Order {
		o := st.o
		o.CustomerNote = "agreed by phone"
		return o
	}
	for name, c := range map[string]struct {
		body func(*stage) any
		want string
	}{
		"ours":   {func(*stage) any { return contracts.Resolution{Take: "ours"} }, "ours"},
		"theirs": {func(*stage) any { return contracts.Resolution{Take: "theirs"} }, "theirs"},
		"picks":  {func(*stage) any { return contracts.Resolution{Picks: map[string]string{"/customerNote": "theirs"}} }, "theirs"},
		"given":  {func(st *stage) any { o := given(st); return contracts.Resolution{Order: &o} }, "agreed by phone"},
	} {
		t.Run(name, func(t *testing.T) {
			st := collide(t, s)
			st.side = &side{t: t, cfg: s.cfg}
			before, tag := st.collision()
			st.resolve(http.StatusOK, c.body(st), "If-Match", tag)
			after := s.get(st.id)
			require.Equal(t, c.want, after.CustomerNote)
			require.Equal(t, "UPD", after.Sync.Links[0].State)
			for _, seen := range []contracts.Version{before.Ours.Version, before.Theirs.Version} {
				for k, n := range seen {
					require.GreaterOrEqual(t, after.Sync.Version[k], n, "the new version contains both")
				}
			}
			st.resolve(http.StatusNotFound, contracts.Resolution{Take: "ours"}).problem(t)
			events := st.timeline(st.id)
			require.Equal(t, "resolved", events[len(events)-1].Event)
			require.Equal(t, "admin:token", events[len(events)-1].Actor)
		})
	}
}

func TestResolveRefuses(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	_, tag := st.collision()
	st.edit("moved on")
	st.resolve(http.StatusPreconditionFailed, contracts.Resolution{Take: "ours"}, "If-Match", tag).problem(t)
	for _, bad := range []string{`{}`, `{"take":"mine"}`, `{"take":"ours","order":{}}`, `{"take":"ours","x":1}`, `{"take":"ours","picks":{"/customerNote":"ours"}}`, `{"picks":["ours"]}`} {
		p := st.do("admin", "POST", "/admin/api/collisions/"+st.id+"/resolve", bad)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, p.status, "%s", bad)
		p.problem(t)
	}
	bad := st.o
	bad.Lines = nil
	p := st.resolve(http.StatusUnprocessableEntity, contracts.Resolution{Order: &bad}).problem(t)
	require.Contains(t, pointers(p), "/order/lines")
	require.Equal(t, "COLLISION", s.get(st.id).Sync.Links[0].State)
}

// TestPickFields takes one contested field of each side; what only one of them changed is merged.
func TestPickFields(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	c, _ := st.collision()
	st.o.ShippingMinor, st.o.InternalNote = 777, "ours"
	st.edit("ours, later")
	newer := st.theirs("theirs, later")
	newer.ShippingMinor, newer.Tags = 888, []string{"vip"}
	st.put(http.StatusConflict, entry(t, st.id, "UPD", and(c.Base.Version, b(6)), newer))
	_, tag := st.collision()

	faults := func(picks map[string]string) map[string]string {
		out := map[string]string{}
		for _, e := range st.resolve(http.StatusUnprocessableEntity, contracts.Resolution{Picks: picks}, "If-Match", tag).problem(t).Errors {
			out[e.Pointer] = e.Detail
		}
		return out
	}
	require.Equal(t, map[string]string{
		"/picks/~1customerNote":  "is needed: both sides changed this field",
		"/picks/~1shippingMinor": `must be "ours" or "theirs"`,
		"/picks/~1currency":      "is no field in which the two versions differ",
	}, faults(map[string]string{"/shippingMinor": "mine", "/currency": "ours"}))
	require.NotEmpty(t, faults(map[string]string{}), "an empty choice is none")

	st.resolve(http.StatusOK, contracts.Resolution{Picks: map[string]string{"/shippingMinor": "theirs", "/customerNote": "ours"}}, "If-Match", tag)
	after := s.get(st.id)
	require.Equal(t, "ours, later", after.CustomerNote)
	require.Equal(t, int64(888), after.ShippingMinor)
	require.Equal(t, "ours", after.InternalNote, "only this side changed it")
	require.Equal(t, []string{"vip"}, after.Tags, "only the peer changed them")
}

// TestAnEditedAnswerSettlesACase: what GET answered, edited, is an order that a case can be settled with.
func TestAnEditedAnswerSettlesACase(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	var edited map[string]any
	s.want(http.StatusOK, "client", "GET", "/orders/"+st.id, nil).into(t, &edited)
	edited["lines"].([]any)[0].(map[string]any)["quantity"] = 7
	s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/"+st.id+"/resolve", map[string]any{"order": edited}, "If-Match", "*")
	after := s.get(st.id)
	require.EqualValues(t, 7, after.Lines[0].Quantity)
	require.Equal(t, "UPD", after.Sync.Links[0].State)

	st = collide(t, s)
	s.want(http.StatusOK, "client", "GET", "/orders/"+st.id, nil).into(t, &edited)
	delete(edited, "sync") // now the sums are the client's own
	edited["lines"].([]any)[0].(map[string]any)["quantity"] = 7
	p := s.want(http.StatusUnprocessableEntity, "admin", "POST", "/admin/api/collisions/"+st.id+"/resolve", map[string]any{"order": edited}, "If-Match", "*").problem(t)
	require.Contains(t, pointers(p), "/order/lines/0/totalMinor")
}

func TestDeletionsCollideAndResolve(t *testing.T) {
	s := startSide(t)
	st := collide(t, s)
	c, _ := st.collision()
	st.put(http.StatusConflict, entry(t, st.id, "DEL", and(c.Base.Version, b(8)), nil))
	c, _ = st.collision()
	require.True(t, c.Theirs.Deleted)
	require.Nil(t, c.Theirs.Order)
	st.resolve(http.StatusOK, contracts.Resolution{Take: "theirs"})
	s.want(http.StatusGone, "client", "GET", "/orders/"+st.id, nil)
	require.Equal(t, "DEL", st.state(st.id))
}

func TestRetryOfWhatThisSideRefused(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["ERROR"](st)
	p := s.want(http.StatusConflict, "admin", "POST", "/admin/api/errors/"+st.id+"/retry", nil).problem(t)
	require.Contains(t, p.Detail, "/lines")
	require.Equal(t, "ERROR", st.state(st.id))
	// The peer mends its content: that is newer, and ends the error.
	fixed := st.theirs("mended")
	st.put(http.StatusOK, entry(t, st.id, "UPD", and(st.version(), b(16)), fixed))
	require.Equal(t, "mended", s.get(st.id).CustomerNote)
}

func TestRetryOfWhatThePeerRefused(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["ERROR_SYNCED"](st)
	var page contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/errors?peer=b", nil).into(t, &page)
	require.Equal(t, "no such customer", page.Orders[0].Reason)
	require.False(t, page.Orders[0].RefusedHere)
	require.Contains(t, string(s.person("anna", access.Operator).do("GET", "/admin/errors", "").body), "Correct the order</a>")
	s.want(http.StatusOK, "admin", "POST", "/admin/api/errors/"+st.id+"/retry", nil)
	require.Equal(t, "NEW", st.state(st.id))
	require.Len(t, st.lookup(), 1)
	s.want(http.StatusNotFound, "admin", "POST", "/admin/api/errors/"+st.id+"/retry", nil).problem(t)
}

// lookup is what the own bridge is told of the order.
func (s *stage) lookup() []contracts.Entry {
	s.t.Helper()
	var out contracts.LookupResult
	s.want(http.StatusOK, "bridge", "POST", "/orders/transactions/lookup", contracts.Lookup{Peer: "b", IDs: []string{s.id}}).into(s.t, &out)
	return out.Entries
}

// answers passes answers on as the own bridge does.
func (s *stage) answers(entries ...contracts.Entry) {
	s.t.Helper()
	s.want(http.StatusNoContent, "bridge", "PUT", "/orders/transactions", contracts.Batch{Side: "b", Entries: entries}, "Prefer", "return=minimal")
}

// TestAnOldAcknowledgementHidesNoNewerEdit: what is due goes by the version that was answered.
func TestAnOldAcknowledgementHidesNoNewerEdit(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	s.create(st.o)
	sent := st.lookup()[0]
	require.Equal(t, "NEW", sent.State)
	require.Equal(t, "first", sent.Order.CustomerNote)
	old := entry(t, st.id, "OK", sent.Version, &st.o)
	old.AnswerTo, old.Order = sent.Version, nil
	st.edit("second")
	st.answers(old)
	now := st.lookup()
	require.Len(t, now, 1, "the second edit is still to be told")
	require.Equal(t, "UPD", now[0].State, "the peer has the order by now")
	answer := entry(t, st.id, "OK", now[0].Version, &st.o)
	answer.AnswerTo, answer.Order = now[0].Version, nil
	st.answers(answer)
	require.Empty(t, st.lookup())
	require.Equal(t, "OK", st.state(st.id))
	st.answers(old) // once more, late
	require.Equal(t, "OK", st.state(st.id))
}

// TestStatusAgreesWithTheBroker: what operators see through either door are the same figures.
func TestStatusAgreesWithTheBroker(t *testing.T) {
	s := startSide(t)
	for range 5 {
		s.create(newOrder(t, "x"))
	}
	nc, err := nats.Connect("nats://"+s.cfg.NatsAddr, nats.UserInfo("orders", s.cfg.NatsPassword), nats.CustomInboxPrefix(contracts.ServiceInbox))
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	var st contracts.Status
	require.Eventually(t, func() bool {
		s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
		return st.Outbox == 0
	}, time.Minute, 20*time.Millisecond)
	stream, err := js.Stream(context.Background(), contracts.HintStream)
	require.NoError(t, err)
	info, err := stream.Info(context.Background(), jetstream.WithSubjectFilter(">"))
	require.NoError(t, err)
	require.EqualValues(t, 5, info.State.Msgs)
	require.Len(t, info.State.Subjects, 5)
	require.EqualValues(t, 5, st.Broker.Stream.Messages)
	require.EqualValues(t, 5, st.Peers[0].Pending)
	require.EqualValues(t, 5, st.Peers[0].Consumer.Pending)
	require.EqualValues(t, 5, st.Peers[0].States["NEW"])
	require.Equal(t, "NEW", st.Peers[0].Oldest.State)

	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/b/pause", nil)
	c, err := js.Consumer(context.Background(), contracts.HintStream, contracts.HintConsumer("b"))
	require.NoError(t, err)
	require.True(t, c.CachedInfo().Paused)
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
	require.True(t, st.Peers[0].Paused)
	s.stop()
	s.start() // a restart does not end a pause
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
	require.True(t, st.Peers[0].Paused)
	s.want(http.StatusOK, "admin", "POST", "/admin/api/peers/b/resume", nil)
	s.want(http.StatusOK, "admin", "GET", "/admin/api/status", nil).into(t, &st)
	require.False(t, st.Peers[0].Paused)
	s.want(http.StatusNotFound, "admin", "POST", "/admin/api/peers/c/pause", nil).problem(t)
	metrics := string(s.want(http.StatusOK, "metrics", "GET", "/metrics", nil).body)
	require.Contains(t, metrics, `orderbridge_pending_orders{peer="b"} 5`)
}

func TestStatesAreTheTable(t *testing.T) {
	s := startSide(t)
	var table contracts.StateTable
	s.want(http.StatusOK, "admin", "GET", "/admin/api/states", nil).into(t, &table)
	require.Len(t, table.States, 9)
	require.Len(t, table.Rows, 22)
	var peers contracts.PeerList
	s.want(http.StatusOK, "admin", "GET", "/admin/api/peers", nil).into(t, &peers)
	require.Equal(t, []contracts.Peer{{Peer: "b", URL: "http://127.0.0.1:1"}}, peers.Peers)
}
