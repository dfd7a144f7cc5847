package command

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// TestIDsOfPathsInAnyCase reads, changes and deletes an order whose id is written in upper case.
func TestIDsOfPathsInAnyCase(t *testing.T) {
	s := startSide(t)
	made := s.create(newOrder(t, "first"))
	path := "/orders/" + strings.ToUpper(made.ID)
	var got contracts.OrderView
	s.want(http.StatusOK, "client", "GET", path, nil).into(t, &got)
	require.Equal(t, made.ID, got.ID)
	o := made.Order
	o.CustomerNote = "second"
	s.want(http.StatusOK, "client", "PUT", path, o, "If-Match", "*")
	s.want(http.StatusOK, "admin", "GET", "/admin/api"+path+"/timeline", nil)
	anna := s.person("anna", access.Operator)
	require.Equal(t, http.StatusOK, anna.do("GET", "/admin"+path, "").status)
	require.Equal(t, http.StatusOK, anna.do("GET", "/admin"+path+"/edit", "").status)
	o.ID = strings.ToUpper(o.ID)
	p := s.want(http.StatusUnprocessableEntity, "client", "PUT", path, o, "If-Match", "*").problem(t)
	require.Equal(t, []contracts.FieldError{{Pointer: "/id", Detail: "must be a UUID in lower case"}}, p.Errors)
	s.want(http.StatusNoContent, "client", "DELETE", path, nil, "If-Match", "*")
	for _, other := range []string{"{" + made.ID + "}", "urn:uuid:" + made.ID, strings.ReplaceAll(made.ID, "-", ""), made.ID + "x"} {
		s.want(http.StatusNotFound, "client", "GET", "/orders/"+url.PathEscape(other), nil).problem(t)
	}
}

// TestEmptyIsNotAbsent: what is given empty is refused, with its name, and not replaced by what is filled in
// when it is absent.
func TestEmptyIsNotAbsent(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	body, err := strictjson.Encode(&o)
	require.NoError(t, err)
	change := func(do func(o map[string]any)) map[string]any {
		var v map[string]any
		require.NoError(t, json.Unmarshal(body, &v))
		delete(v, "id")
		delete(v, "totals")
		for _, l := range v["lines"].([]any) {
			delete(l.(map[string]any), "lineId")
		}
		do(v)
		return v
	}
	set := func(name string, value any) func(map[string]any) { return func(v map[string]any) { v[name] = value } }
	const yearOne = "0001-01-01T00:00:00Z"
	for pointer, do := range map[string]func(map[string]any){
		"/id": set("id", ""), "/source": set("source", ""), "/status": set("status", ""), "/paymentStatus": set("paymentStatus", ""),
		"/fulfillmentStatus": set("fulfillmentStatus", ""), "/placedAt": set("placedAt", yearOne), "/cancelledAt": set("cancelledAt", yearOne),
		"/lines/0/lineId": func(v map[string]any) { v["lines"].([]any)[0].(map[string]any)["lineId"] = "" },
	} {
		p := s.want(http.StatusUnprocessableEntity, "client", "POST", "/orders", change(do)).problem(t)
		require.Len(t, p.Errors, 1, pointer)
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	var made contracts.OrderView
	s.want(http.StatusCreated, "client", "POST", "/orders", change(func(v map[string]any) {
		for _, name := range []string{"source", "status", "paymentStatus", "fulfillmentStatus", "placedAt"} {
			delete(v, name)
		}
	})).into(t, &made)
	require.Equal(t, contracts.StatusPending, made.Status)
	require.False(t, made.PlacedAt.IsZero())
	s.want(http.StatusUnprocessableEntity, "client", "PUT", "/orders/"+made.ID, change(func(v map[string]any) { v["id"], v["placedAt"] = made.ID, yearOne }), "If-Match", "*")
	for _, name := range []string{"changedFrom", "changedTo"} {
		for _, value := range []string{yearOne, "1969-12-31T23:59:59Z", "9999-12-31T23:00:00-05:00"} {
			p := s.want(http.StatusBadRequest, "client", "GET", "/orders?"+url.Values{name: {value}}.Encode(), nil).problem(t)
			require.Contains(t, p.Errors[0].Detail, "must be in the years 1970 to 9999")
		}
	}
}
