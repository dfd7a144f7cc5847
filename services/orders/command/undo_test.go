package command

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
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
	require.NotContains(t, string(viktor.do("GET", look, "").body), "Put this content back")
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
	require.Contains(t, string(anna.do("GET", look, "").body), "The order is like this now")

	s.want(http.StatusNoContent, "client", "DELETE", "/orders/"+made.ID, nil, "If-Match", "*")
	gone := anna.do("GET", look, "")
	require.Contains(t, string(gone.body), "The order is deleted now")
	require.NotContains(t, string(gone.body), "Put this content back")
}
