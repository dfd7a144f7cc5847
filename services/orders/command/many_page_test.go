package command

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestSettleAllThatMatch finds open cases by a filter, beyond what a page of the list shows, and settles
// them as they were previewed; one that moved meanwhile stays.
func TestSettleAllThatMatch(t *testing.T) {
	s := startSide(t)
	anna := s.person("anna", access.Operator)
	ids := map[string][]string{}
	for i := range 60 {
		o := newOrder(t, "ours")
		group := "WEB"
		if i%12 == 0 {
			group = "SHOP"
		}
		o.OrderNumber = fmt.Sprintf("%s-%d", group, i)
		made := s.create(o)
		theirs := made.Order
		theirs.CustomerNote = "theirs"
		s.put(http.StatusConflict, entry(t, made.ID, "NEW", b(int64(i+1)), &theirs))
		ids[group] = append(ids[group], made.ID)
	}
	require.Contains(t, string(anna.do("GET", "/admin/collisions", "").body), "Resolve all that match")
	preview := func(fields ...string) *answer {
		t.Helper()
		got := anna.form("/admin/collisions", append(fields, "step", "all", "take", "theirs")...)
		require.Equal(t, http.StatusOK, got.status, "%s", got.body)
		return got
	}
	require.Contains(t, string(preview("number", "nothing").body), "None of the 60 open collisions matches.")
	require.Contains(t, string(preview("older", "hour").body), "None of the 60")
	require.Contains(t, string(preview("number", "shop-").body), "5 of 60 open collisions match")
	web := preview("number", " WEB-")
	require.Contains(t, string(web.body), "55 of 60 open collisions match")
	require.Contains(t, string(web.body), "55 would be resolved, 0 stay open")
	require.Contains(t, string(web.body), "and 35 more")
	require.Equal(t, 20, strings.Count(string(web.body), `data-label="Outcome"`))
	require.Equal(t, "COLLISION", s.state(ids["WEB"][0]), "nothing is done yet")

	moved := s.get(ids["WEB"][3])
	moved.CustomerNote = "moved"
	s.want(http.StatusOK, "client", "PUT", "/orders/"+moved.ID, moved.Order, "If-Match", "*")
	form := fieldsOf(t, web.body)
	require.Len(t, form["case"], 55)
	done := anna.do("POST", "/admin/collisions", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Contains(t, string(done.body), "54 of 55 resolved")
	var left contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/collisions?limit=500", nil).into(t, &left)
	require.Len(t, left.Orders, 6)
	require.Equal(t, "moved", s.get(moved.ID).CustomerNote)
	require.Equal(t, "theirs", s.get(ids["WEB"][7]).CustomerNote)
	require.Equal(t, "ours", s.get(ids["SHOP"][0]).CustomerNote)
}
