package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// TestWhoMayCallWhat holds every route against every role.
func TestWhoMayCallWhat(t *testing.T) {
	s := startSide(t)
	id := uuid.NewString()
	routes := map[string]string{
		"POST /orders":                                  "client admin",
		"GET /orders":                                   "client admin",
		"GET /orders/" + id:                             "client admin peer",
		"PUT /orders/" + id:                             "client admin",
		"DELETE /orders/" + id:                          "client admin",
		"GET /orders/transactions":                      "peer bridge admin",
		"GET /orders/fingerprints":                      "peer bridge admin",
		"GET /orders/entries":                           "peer bridge admin",
		"PUT /orders/transactions":                      "peer bridge",
		"POST /orders/transactions/lookup":              "bridge",
		"GET /admin/api/status":                         "admin",
		"GET /admin/api/orders":                         "admin",
		"GET /admin/api/orders/" + id + "/timeline":     "admin",
		"GET /admin/api/collisions":                     "admin",
		"GET /admin/api/collisions/" + id:               "admin",
		"POST /admin/api/collisions/" + id + "/resolve": "admin",
		"GET /admin/api/errors":                         "admin",
		"POST /admin/api/errors/" + id + "/retry":       "admin",
		"GET /admin/api/peers":                          "admin",
		"POST /admin/api/peers/b/pause":                 "admin",
		"POST /admin/api/peers/b/resume":                "admin",
		"GET /admin/api/states":                         "admin",
		"GET /metrics":                                  "metrics admin",
	}
	for route, roles := range routes {
		method, path, _ := strings.Cut(route, " ")
		for _, role := range []string{"client", "peer", "bridge", "admin", "metrics", "nobody", ""} {
			var body any
			if method == "POST" || method == "PUT" {
				body = "{}"
			}
			got := s.do(role, method, path, body)
			switch {
			case role == "nobody" || role == "":
				require.Equal(t, http.StatusUnauthorized, got.status, "%s as %s", route, role)
				require.NotEmpty(t, got.header.Get("WWW-Authenticate"))
			case strings.Contains(roles, role):
				require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, got.status, "%s as %s: %s", route, role, got.body)
			default:
				require.Equal(t, http.StatusForbidden, got.status, "%s as %s", route, role)
			}
		}
	}
	s.want(http.StatusUnauthorized, "", "GET", "/nothing/here", nil)
	s.want(http.StatusNotFound, "client", "GET", "/nothing/here", nil)
	a := s.want(http.StatusMethodNotAllowed, "client", "PATCH", "/orders", nil)
	require.Equal(t, []string{"GET", "POST"}, a.header.Values("Allow")) // RFC 9110, section 15.5.6
	a = s.want(http.StatusMethodNotAllowed, "client", "POST", "/orders/"+uuid.NewString(), nil)
	require.Equal(t, []string{"GET", "PUT", "PATCH", "DELETE"}, a.header.Values("Allow"))
	s.want(http.StatusNoContent, "", "GET", "/healthz", nil)
}

func TestTwoTokensWhileOneIsRotated(t *testing.T) {
	s := startSide(t, func(c *Config) { c.ClientToken = secret("older-client") + "," + secret("client") })
	s.want(http.StatusOK, "client", "GET", "/orders", nil)
	s.want(http.StatusOK, "older-client", "GET", "/orders", nil)
}

// TestBadOrders: each gets the right status and a problem that names the field, and nothing changes.
func TestBadOrders(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "good")
	good, err := strictjson.Encode(o)
	require.NoError(t, err)
	change := func(old, new string) string {
		require.Contains(t, string(good), old)
		return strings.Replace(string(good), old, new, 1)
	}
	cases := map[string]struct {
		body    string
		status  int
		pointer string
	}{
		"unknown field":      {change(`"orderNumber"`, `"sneaky":1,"orderNumber"`), 400, "/sneaky"},
		"unknown in sync":    {change(`"orderNumber"`, `"sync":{"sneaky":1},"orderNumber"`), 400, "/sync/sneaky"},
		"duplicate field":    {change(`"currency":"EUR"`, `"currency":"EUR","currency":"USD"`), 400, "/currency"},
		"wrong case":         {change(`"currency"`, `"Currency"`), 400, "/Currency"},
		"wrong type":         {change(`"quantity":2`, `"quantity":"2"`), 400, "/lines/0/quantity"},
		"a fraction":         {change(`"quantity":2`, `"quantity":2.5`), 400, "/lines/0/quantity"},
		"too large a number": {change(`"unitPriceMinor":890`, `"unitPriceMinor":9007199254740992`), 422, "/lines/0/unitPriceMinor"},
		"beyond int64":       {change(`"unitPriceMinor":890`, `"unitPriceMinor":99999999999999999999`), 400, "/lines/0/unitPriceMinor"},
		"below its range":    {change(`"quantity":2`, `"quantity":0`), 422, "/lines/0/quantity"},
		"null":               {change(`"currency":"EUR"`, `"currency":null`), 400, "/currency"},
		"NUL in a text":      {change(`"customerNote":"good"`, `"customerNote":"a\u0000b"`), 422, "/customerNote"},
		"broken UTF-8":       {change(`"customerNote":"good"`, "\"customerNote\":\"a\xffb\""), 400, "/customerNote"},
		"too long a text":    {change(`"customerNote":"good"`, `"customerNote":"`+strings.Repeat("x", contracts.NoteLengthMax+1)+`"`), 422, "/customerNote"},
		"too deep":           {`{"lines":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, ""},
		"trailing data":      {string(good) + `{}`, 400, ""},
		"cut off":            {string(good[:len(good)/2]), 400, ""},
		"no JSON":            {`hello`, 400, ""},
		"empty":              {``, 400, ""},
		"a list":             {`[]`, 400, ""},
		"totals that differ": {change(`"shippingMinor"`, `"totals":{"subtotalMinor":1,"discountMinor":0,"shippingMinor":0,"taxMinor":0,"totalMinor":1},"shippingMinor"`), 422, "/totals/subtotalMinor"},
		"not a UUID":         {change(o.ID, "4711"), 422, "/id"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := &side{t: t, cfg: s.cfg}
			p := s.want(c.status, "client", "POST", "/orders", c.body).problem(t)
			if c.pointer != "" {
				require.Contains(t, pointers(p), c.pointer)
			}
			var page contracts.OrderPage
			s.want(http.StatusOK, "client", "GET", "/orders", nil).into(t, &page)
			require.Empty(t, page.Orders)
		})
	}
	s.want(http.StatusUnsupportedMediaType, "client", "POST", "/orders", good, "Content-Type", "text/plain").problem(t)
	s.want(http.StatusUnsupportedMediaType, "client", "POST", "/orders", good, "Content-Encoding", "gzip").problem(t)
	s.want(http.StatusRequestEntityTooLarge, "client", "POST", "/orders", `{"customerNote":"`+strings.Repeat("x", contracts.OrderRequestBytesMax)+`"}`).problem(t)
	s.want(http.StatusBadRequest, "client", "POST", "/orders", good, "Idempotency-Key", strings.Repeat("k", 201)).problem(t)
}

// TestBadEntriesSpoilOnlyThemselves: a batch with bad entries of every kind settles the good ones.
func TestBadEntriesSpoilOnlyThemselves(t *testing.T) {
	s := startSide(t)
	encode := func(v any) string {
		data, err := strictjson.Encode(v)
		require.NoError(t, err)
		return string(data)
	}
	good, last, poison := newOrder(t, "good"), newOrder(t, "last"), newOrder(t, "poison")
	refusable := encode(entry(t, poison.ID, "NEW", b(2), &poison))
	wrongPrint := entry(t, newOrder(t, "").ID, "NEW", b(3), nil)
	other := newOrder(t, "its fingerprint is another's")
	wrongPrint.ItemID, wrongPrint.Deleted, wrongPrint.Order = other.ID, false, &other
	wrongPrint.ItemURI = "/orders/" + other.ID
	entries := []string{
		encode(entry(t, good.ID, "NEW", b(1), &good)),
		strings.Replace(refusable, `"quantity":2`, `"quantity":0`, 1),
		`{"itemId":"no uuid"}`,
		`17`,
		strings.Replace(refusable, poison.ID, "not-an-id", 1),
		encode(wrongPrint),
		strings.Replace(strings.ReplaceAll(refusable, poison.ID, uuid.NewString()), `"currency"`, `"secret":1,"currency"`, 1),
		encode(entry(t, last.ID, "NEW", b(9), &last)),
	}
	var out contracts.Batch
	s.want(http.StatusOK, "peer", "PUT", "/orders/transactions", `{"side":"b","entries":[`+strings.Join(entries, ",")+`]}`).into(t, &out)
	require.Len(t, out.Entries, len(entries))
	for i, e := range out.Entries {
		if i == 0 || i == len(entries)-1 {
			require.Equal(t, "OK", e.State)
			continue
		}
		require.Equal(t, "ERROR", e.State, "entry %d", i)
		require.NotEmpty(t, e.Refused.Reason)
	}
	require.Contains(t, out.Entries[1].Refused.Reason, "/lines/0/quantity", "the reason names the field")
	require.Equal(t, "good", s.get(good.ID).CustomerNote)
	require.Equal(t, "last", s.get(last.ID).CustomerNote)
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+poison.ID, nil)
	var errs contracts.AdminOrderPage
	s.want(http.StatusOK, "admin", "GET", "/admin/api/errors", nil).into(t, &errs)
	require.Len(t, errs.Orders, 3, "those that say what order they are about are kept as errors")
}

func TestBadBatches(t *testing.T) {
	s := startSide(t)
	o := newOrder(t, "x")
	data, err := strictjson.Encode(entry(t, o.ID, "NEW", b(1), &o))
	require.NoError(t, err)
	e := string(data)
	for name, c := range map[string]struct {
		role, body string
		status     int
	}{
		"of a stranger":     {"peer", `{"side":"c","entries":[` + e + `]}`, 403},
		"an order twice":    {"peer", `{"side":"b","entries":[` + e + `,` + e + `]}`, 422},
		"unknown key":       {"peer", `{"side":"b","entries":[` + e + `],"x":1}`, 400},
		"key twice":         {"peer", `{"side":"b","side":"b","entries":[` + e + `]}`, 400},
		"too many":          {"peer", `{"side":"b","entries":[` + strings.Repeat("1,", contracts.AcceptedEntriesMax) + `1]}`, 413},
		"too large":         {"peer", `{"side":"b","entries":["` + strings.Repeat("x", contracts.BatchBytesMax) + `"]}`, 413},
		"seen by nobody":    {"peer", `{"side":"b","entries":[],"seen":{"a":1}}`, 422},
		"seen below 1":      {"peer", `{"side":"b","entries":[],"seen":{"a.x":0}}`, 422},
		"no answer's entry": {"bridge", `{"side":"b","entries":[` + e + `]}`, 422},
	} {
		t.Run(name, func(t *testing.T) {
			s := &side{t: t, cfg: s.cfg}
			s.want(c.status, c.role, "PUT", "/orders/transactions", c.body).problem(t)
		})
	}
	s.want(http.StatusNotFound, "client", "GET", "/orders/"+o.ID, nil)
	for _, body := range []string{`{"peer":"c","ids":["` + o.ID + `"]}`, `{"peer":"b"}`, `{"peer":"b","ids":["x"]}`, `{"peer":"b","ids":["` + o.ID + `","` + o.ID + `"]}`} {
		s.want(http.StatusUnprocessableEntity, "bridge", "POST", "/orders/transactions/lookup", body).problem(t)
	}
}
