package command

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// TestPutBackAfterASettlement: the version that was not taken is kept, is shown, and becomes a new
// version when somebody wants it back.
func TestPutBackAfterASettlement(t *testing.T) {
	s := startSide(t)
	anna, viktor := s.person("anna", access.Operator), s.person("viktor", access.Viewer)
	send := func(b *browser, path string, v url.Values) *answer {
		return b.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	made := s.create(newOrder(t, "ours"))
	theirs := made.Order
	theirs.CustomerNote = "theirs <b>"
	theirs.Lines[0].Quantity += 7
	s.put(http.StatusConflict, entry(t, made.ID, "NEW", b(1), &theirs))
	s.want(http.StatusOK, "admin", "POST", "/admin/api/collisions/"+made.ID+"/resolve", contracts.Resolution{Take: "ours"})

	events := s.timeline(made.ID)
	last := events[len(events)-1]
	require.Equal(t, "resolved", last.Event)
	require.True(t, last.Kept)
	require.False(t, events[0].Kept, "nothing was there before")
	at := fmt.Sprintf("/orders/%s/contents/%d", made.ID, last.Seq)
	var kept contracts.KeptContents
	s.want(http.StatusOK, "admin", "GET", "/admin/api"+at, nil).into(t, &kept)
	require.Equal(t, "theirs <b>", kept.Dropped["customerNote"])
	for _, path := range []string{
		fmt.Sprintf("/orders/%s/contents/%d", made.ID, events[0].Seq), "/orders/" + made.ID + "/contents/x",
		fmt.Sprintf("/orders/%s/contents/%d", s.create(newOrder(t, "other")).ID, last.Seq),
	} {
		s.want(http.StatusNotFound, "admin", "GET", "/admin/api"+path, nil)
		require.Equal(t, http.StatusNotFound, anna.do("GET", "/admin"+path, "").status)
	}

	require.Contains(t, string(viktor.do("GET", "/admin/orders/"+made.ID, "").body), "/admin"+at)
	look := "/admin" + at + "?which=dropped"
	require.NotContains(t, string(viktor.do("GET", look, "").body), "Restore this content")
	page := anna.do("GET", look, "")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, string(page.body), "theirs &lt;b&gt;")
	require.Contains(t, string(page.body), ", quantity “")
	require.NotContains(t, string(page.body), "totals")
	form := fieldsOf(t, page.body)
	none := url.Values{"which": {"dropped"}}
	require.Equal(t, http.StatusPreconditionFailed, send(anna, "/admin"+at, none).status, "a form without a version")

	// Who has not seen the present version puts nothing back.
	now := s.get(made.ID)
	now.InternalNote = "meanwhile"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+made.ID, now.Order, "If-Match", "*")
	stale := send(anna, "/admin"+at, form)
	require.Equal(t, http.StatusPreconditionFailed, stale.status)
	require.Contains(t, string(stale.body), "meanwhile")
	require.Equal(t, "ours", s.get(made.ID).CustomerNote)

	back := send(anna, "/admin"+at, fieldsOf(t, stale.body))
	require.Equal(t, http.StatusSeeOther, back.status, "%s", back.body)
	after := s.get(made.ID)
	require.Equal(t, "theirs <b>", after.CustomerNote)
	require.Equal(t, theirs.Lines[0].Quantity, after.Lines[0].Quantity)
	require.Empty(t, after.InternalNote)
	require.Equal(t, "UPD", after.Sync.Links[0].State)
	events = s.timeline(made.ID)
	require.Equal(t, "edited", events[len(events)-1].Event)
	require.Equal(t, "user:anna", events[len(events)-1].Actor)
	require.Contains(t, string(anna.do("GET", look, "").body), "The order has this content now")

	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made.ID, nil, "If-Match", "*")
	gone := anna.do("GET", look, "")
	require.Contains(t, string(gone.body), "The order is deleted")
	require.NotContains(t, string(viktor.do("GET", look, "").body), "Restore the order")
	require.Contains(t, string(viktor.do("GET", "/admin/orders/"+made.ID, "").body), "Its history is below.")
	require.Contains(t, string(anna.do("GET", "/admin/orders/"+made.ID, "").body), "to restore it")
	back = send(anna, "/admin"+at, fieldsOf(t, gone.body))
	require.Equal(t, http.StatusSeeOther, back.status, "%s", back.body)
	require.Equal(t, "theirs <b>", s.get(made.ID).CustomerNote)
	require.Contains(t, string(anna.do("GET", "/admin/orders/"+made.ID, "").body), "Brought back")
}

// keptBy is what a change of an order replaced, and the version of the order now.
func (s *side) keptBy(e *contracts.TimelineEvent, id string) (kept contracts.KeptContents, tag, path string) {
	s.t.Helper()
	path = fmt.Sprintf("/admin/api/orders/%s/contents/%d", id, e.Seq)
	a := s.want(http.StatusOK, "admin", "GET", path, nil)
	a.into(s.t, &kept)
	return kept, a.header.Get("ETag"), path
}

// TestADeletedOrderIsBroughtBack: what a deletion replaced becomes a new version that follows the deletion,
// and the peer is told of it as of any edit. Clients still cannot use the id again.
func TestADeletedOrderIsBroughtBack(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["OK"](st)
	st.edit("last")
	st.ack()
	st.remove()
	deletion := st.timeline(st.id)[len(st.timeline(st.id))-1]
	require.Equal(t, "deleted", deletion.Event)
	require.True(t, deletion.Kept)
	kept, tag, path := s.keptBy(&deletion, st.id)
	require.Equal(t, "last", kept.Replaced["customerNote"])
	s.put(http.StatusOK, entry(t, st.id, "DEL_SYNCED", st.version(), nil))
	require.Equal(t, "DEL_SYNCED", s.state(st.id))

	s.want(http.StatusPreconditionRequired, "admin", "POST", path, contracts.PutBack{Which: "replaced"}).problem(t)
	s.want(http.StatusPreconditionFailed, "admin", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", `"a.x:1"`).problem(t)
	p := s.want(http.StatusUnprocessableEntity, "admin", "POST", path, contracts.PutBack{Which: "both"}, "If-Match", tag).problem(t)
	require.Equal(t, []string{"/which"}, pointers(p))
	s.want(http.StatusNotFound, "admin", "POST", path, contracts.PutBack{Which: "dropped"}, "If-Match", tag).problem(t)
	s.want(http.StatusForbidden, "client", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", tag).problem(t)
	s.want(http.StatusGone, "client", "PUT", "/orders/"+st.id, st.o, "If-Match", "*")
	s.want(http.StatusConflict, "client", "POST", "/orders", st.o)

	s.want(http.StatusOK, "admin", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", tag)
	require.Equal(t, "last", s.get(st.id).CustomerNote)
	events := st.timeline(st.id)
	last := events[len(events)-1]
	require.Equal(t, "edited DEL_SYNCED UPD admin:token", last.Event+" "+last.Was+" "+last.Becomes+" "+last.Actor)
	told := st.lookup()
	require.Len(t, told, 1)
	require.Equal(t, "UPD", told[0].State)
	require.Equal(t, "last", told[0].Order.CustomerNote)
	for k, n := range deletion.Version {
		require.GreaterOrEqual(t, told[0].Version[k], n, "it follows the deletion")
	}
	require.Contains(t, s.operator(0, cli.Explain, st.id), "restored here")
	st.o.CustomerNote = "last"
	st.ack()
	require.Equal(t, "OK", s.state(st.id))

	// Edited and deleted again, each deletion still tells what it replaced; and it need not be known there.
	st.edit("even later")
	st.remove()
	kept, _, _ = s.keptBy(&deletion, st.id)
	require.Equal(t, "last", kept.Replaced["customerNote"])
	events = st.timeline(st.id)
	kept, tag, path = s.keptBy(&events[len(events)-1], st.id)
	require.Equal(t, "even later", kept.Replaced["customerNote"])
	require.Equal(t, "DEL", s.state(st.id))
	s.want(http.StatusOK, "admin", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", tag)
	require.Equal(t, "UPD", s.state(st.id))
	require.Equal(t, "even later", s.get(st.id).CustomerNote)
}

// TestAPeerBringsAnOrderBack: a version that follows the deletion is taken over.
func TestAPeerBringsAnOrderBack(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["DEL_SYNCED"](st)
	events := st.timeline(st.id)
	kept, _, _ := s.keptBy(&events[len(events)-1], st.id)
	require.Equal(t, "first", kept.Replaced["customerNote"])
	s.put(http.StatusOK, entry(t, st.id, "UPD", and(st.version(), b(9)), st.theirs("back")))
	require.Equal(t, "back", s.get(st.id).CustomerNote)
	require.Equal(t, "OK", s.state(st.id))
	page := s.person("viktor", access.Viewer).do("GET", "/admin/orders/"+st.id, "")
	require.Contains(t, string(page.body), "Brought back")
	kept, _, _ = s.keptBy(&events[len(events)-1], st.id)
	require.Equal(t, "first", kept.Replaced["customerNote"])
}

// TestWhatIsNotKeptIsNotPutBack: neither after a clean-up, nor when rules of today refuse it.
func TestWhatIsNotKeptIsNotPutBack(t *testing.T) {
	s := startSide(t)
	st := &stage{side: s, o: newOrder(t, "first")}
	st.id = st.o.ID
	before["DEL_SYNCED"](st)
	deletion := st.timeline(st.id)[len(st.timeline(st.id))-1]
	_, tag, path := s.keptBy(&deletion, st.id)
	execute(t, s.cfg.DatabaseURL, `UPDATE contents SET body = jsonb_set(body::jsonb, '{customer,email}', '"no address"')::json`)
	p := s.want(http.StatusConflict, "admin", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", tag).problem(t)
	require.Contains(t, p.Detail, "/customer/email")
	execute(t, s.cfg.DatabaseURL, "UPDATE log SET content = NULL, replaced = NULL; UPDATE orders SET content = NULL, order_number = '', status = ''")
	s.want(http.StatusNotFound, "admin", "GET", path, nil).problem(t)
	s.want(http.StatusNotFound, "admin", "POST", path, contracts.PutBack{Which: "replaced"}, "If-Match", tag).problem(t)
	require.False(t, st.timeline(st.id)[len(st.timeline(st.id))-1].Kept)
	require.Equal(t, "DEL_SYNCED", s.state(st.id))
}
