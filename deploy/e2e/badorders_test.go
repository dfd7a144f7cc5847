//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// wrong is a good order as JSON with one part replaced.
func wrong(r *rand.Rand, change func(o map[string]any)) string {
	var o map[string]any
	if err := json.Unmarshal(encode(newOrder(r)), &o); err != nil {
		panic(err)
	}
	change(o)
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// with is a good order with one more or another member.
func with(r *rand.Rand, name string, value any) string {
	return wrong(r, func(o map[string]any) { o[name] = value })
}

// withLine is a good order whose first line has another member.
func withLine(r *rand.Rand, name string, value any) string {
	return wrong(r, func(o map[string]any) { o["lines"].([]any)[0].(map[string]any)[name] = value })
}

// raw is a good order with one more member as it is written, be it JSON or not.
func raw(r *rand.Rand, member string) string {
	return strings.TrimSuffix(string(encode(newOrder(r))), "}") + "," + member + "}"
}

func badNewOrders(r *rand.Rand, known string) []badCall {
	good := string(encode(newOrder(r)))
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	return []badCall{
		{name: "nothing", body: "", want: 400},
		{name: "no JSON", body: marker, want: 400},
		{name: "an array", body: "[" + good + "]", want: 400},
		{name: "cut short", body: good[:len(good)/2], want: 400},
		{name: "trailing data", body: good + good, want: 400},
		{name: "unknown key", body: with(r, "colour", marker), want: 400, pointer: "/colour"},
		{name: "key in another case", body: with(r, "OrderNumber", marker), want: 400, pointer: "/OrderNumber"},
		{name: "key twice", body: raw(r, `"currency":"`+marker+`"`), want: 400, pointer: "/currency"},
		{name: "key twice within a line", body: `{"lines":[{"sku":"A","sku":"B"}]}`, want: 400, pointer: "/lines/0/sku"},
		{name: "sync of another shape", body: with(r, "sync", map[string]any{"colour": marker}), want: 400, pointer: "/sync/colour"},
		{name: "null", body: with(r, "externalRef", nil), want: 400, pointer: "/externalRef"},
		{name: "text for a number", body: withLine(r, "quantity", "2"), want: 400, pointer: "/lines/0/quantity"},
		{name: "fraction", body: withLine(r, "quantity", 1.5), want: 400, pointer: "/lines/0/quantity"},
		{name: "huge exponent", body: raw(r, `"shippingMinor":1e400`), want: 400, pointer: "/shippingMinor"},
		{name: "over int64", body: strings.Replace(good, `"shippingMinor":`, `"shippingMinor":9223372036854775808`, 1), want: 400, pointer: "/shippingMinor"},
		{name: "nested too deep", body: raw(r, `"deep":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)), want: 400},
		{name: "nested far too deep", body: strings.Repeat("[", 100_000), want: 400},
		{name: "broken UTF-8", body: raw(r, `"externalRef":"`+"\xff"+`"`), want: 400},
		{name: "half a surrogate", body: raw(r, `"externalRef":"\ud800"`), want: 400},
		{name: "NUL", body: with(r, "externalRef", marker+"\x00"), want: 422, pointer: "/externalRef"},
		{name: "control character", body: with(r, "orderNumber", marker+"\x1b[31m"), want: 422, pointer: "/orderNumber"},
		{name: "nothing of what is needed", body: "{}", want: 422, pointer: "/orderNumber"},
		{name: "number too long", body: with(r, "orderNumber", strings.Repeat("9", contracts.OrderNumberMax+1)), want: 422, pointer: "/orderNumber"},
		{name: "note too long", body: with(r, "customerNote", strings.Repeat("ü", contracts.NoteLengthMax+1)), want: 422, pointer: "/customerNote"},
		{name: "too many tags", body: with(r, "tags", distinct(contracts.TagsMax+1)), want: 422, pointer: "/tags"},
		{name: "no lines", body: with(r, "lines", []any{}), want: 422, pointer: "/lines"},
		{name: "negative amount", body: with(r, "shippingMinor", -1), want: 422, pointer: "/shippingMinor"},
		{name: "amount too large", body: with(r, "shippingMinor", int64(contracts.MinorMax)+1), want: 422, pointer: "/shippingMinor"},
		{name: "amounts that add up too high", body: withLine(r, "unitPriceMinor", int64(contracts.MinorMax)), want: 422},
		{name: "totals that do not fit", body: with(r, "totals", contracts.Totals{TotalMinor: 1}), want: 422, pointer: "/totals/totalMinor"},
		{name: "unknown status", body: with(r, "status", marker), want: 422, pointer: "/status"},
		{name: "no UUID", body: with(r, "id", marker), want: 422, pointer: "/id"},
		{name: "UUID in upper case", body: with(r, "id", strings.ToUpper(known)), want: 422, pointer: "/id"},
		{name: "id of another order", body: with(r, "id", known), want: 409},
		{name: "as text", body: good, header: header("Content-Type", "text/plain"), want: 415},
		{name: "as a form", body: good, header: header("Content-Type", "application/x-www-form-urlencoded"), want: 415},
		{name: "in Latin 1", body: good, header: header("Content-Type", "application/json; charset=latin1"), want: 415},
		{name: "compressed", body: good, header: header("Content-Encoding", "gzip"), want: 415},
		{name: "too large", body: with(r, "customerNote", strings.Repeat("x", contracts.OrderRequestBytesMax)), want: 413},
		{name: "idempotency key too long", body: good, header: header("Idempotency-Key", strings.Repeat("k", contracts.IdempotencyKeyMax+1)), want: 400},
		{name: "unknown method", method: "PATCH", body: good, want: 405},
		{name: "unknown path", path: "/order", body: good, want: 404},
	}
}

func distinct(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint("t", i)
	}
	return texts
}

func badChanges(known, gone view, tag etag) []badCall {
	const unknown = "/orders/019aa5c2-7f40-7b1e-9d3c-5a2f6e8b1c04"
	path := "/orders/" + known.ID
	change := func(f func(*contracts.Order)) string {
		o := editable(known.Order)
		f(&o)
		return string(encode(o))
	}
	same := change(func(*contracts.Order) {})
	match := func(value string) map[string]string { return map[string]string{"If-Match": value} }
	stale := match(`"a.nobody:1"`)
	return []badCall{
		{name: "without a version", method: "PUT", path: path, body: same, want: 428},
		{name: "of a version that is none", method: "PUT", path: path, body: same, header: match(marker), want: 400},
		{name: "of a stale version", method: "PUT", path: path, body: same, header: stale, want: 412},
		{name: "both conditions", method: "PUT", path: path, body: same, header: map[string]string{"If-Match": "*", "If-None-Match": "*"}, want: 400},
		{name: "of an order that is there", method: "PUT", path: path, body: same, header: map[string]string{"If-None-Match": "*"}, want: 412},
		{name: "of an unknown order", method: "PUT", path: unknown, body: change(func(o *contracts.Order) { o.ID = "" }), header: match("*"), want: 404},
		{name: "of a deleted order", method: "PUT", path: "/orders/" + gone.ID, body: string(encode(editable(gone.Order))), header: match("*"), want: 410},
		{name: "of a deleted order, created again", method: "PUT", path: "/orders/" + gone.ID, body: string(encode(editable(gone.Order))), header: map[string]string{"If-None-Match": "*"}, want: 410},
		{name: "of another id", method: "PUT", path: path, body: change(func(o *contracts.Order) { o.ID = gone.ID }), header: match("*"), want: 422, pointer: "/id"},
		{name: "of the number", method: "PUT", path: path, body: change(func(o *contracts.Order) { o.OrderNumber = marker }), header: match("*"), want: 422, pointer: "/orderNumber"},
		{name: "of the currency", method: "PUT", path: path, body: change(func(o *contracts.Order) { o.Currency = "USD" }), header: match("*"), want: 422, pointer: "/currency"},
		{name: "of the source", method: "PUT", path: path, body: change(func(o *contracts.Order) { o.Source = "pos" }), header: match("*"), want: 422, pointer: "/source"},
		{name: "to something invalid", method: "PUT", path: path, body: change(func(o *contracts.Order) { o.Customer.Email = marker }), header: match("*"), want: 422, pointer: "/customer/email"},
		{name: "at no id", method: "PUT", path: "/orders/" + marker, body: same, header: match("*"), want: 404},
		{name: "up the path", method: "GET", path: "/orders/..%2f..%2fetc%2fpasswd", want: 404},
		{name: "deletion without a version", method: "DELETE", path: path, want: 428},
		{name: "deletion of a stale version", method: "DELETE", path: path, header: stale, want: 412},
		{name: "deletion of an unknown order", method: "DELETE", path: unknown, header: match("*"), want: 404},
		{name: "deletion of a deleted order", method: "DELETE", path: "/orders/" + gone.ID, header: match("*"), want: 410},
		{name: "reading a deleted order", method: "GET", path: "/orders/" + gone.ID, want: 410},
	}
}

func badQueries() []badCall {
	get := func(query, pointer string) badCall {
		return badCall{name: query, method: "GET", path: "/orders?" + query, want: 400, pointer: pointer}
	}
	return []badCall{
		get("cursor="+marker, "?cursor"), get("cursor='%20OR%201=1--", "?cursor"), get("limit=0", "?limit"), get("limit=501", "?limit"),
		get("limit=ten", "?limit"), get("limit=1&limit=2", "?limit"), get("status="+marker, "?status"), get("state="+marker, "?state"),
		get("deleted=perhaps", "?deleted"), get("colour="+marker, "?colour"),
	}
}
