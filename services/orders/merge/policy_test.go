package merge

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRules(t *testing.T) {
	got, err := ParseRules(" /shippingAddress/*=side:b,/lines/*/quantity=max\n/internalNote=manual ", "a", "b")
	require.NoError(t, err)
	require.Equal(t, Rules{
		{Pattern: "/shippingAddress/*", Decide: BySide, Side: "b"},
		{Pattern: "/lines/*/quantity", Decide: ByMax},
		{Pattern: "/internalNote"},
	}, got)
	none, err := ParseRules("", "a", "b")
	require.NoError(t, err)
	require.Empty(t, none)
	for _, good := range []string{
		"/*=side:a", "/lines=side:a", "/lines/*=side:a", "/lines/" + line1 + "/quantity=max", "/metadata/channel=side:a",
		"/tags/vip=side:b", "/tracking/*/url=side:a", "/lines/*/discountMinor=max", "/placedAt=max", "/cancelledAt=max", "/promisedOn=max",
		"/customer/phone=side:a", "/*/phone=side:b",
	} {
		_, err := ParseRules(good, "a", "b")
		require.NoError(t, err, good)
	}
}

func TestParseRulesRefuses(t *testing.T) {
	for text, why := range map[string]string{
		"/status":                       "/status has no decision; a rule is a pattern and a decision, such as /lines/*/quantity=max",
		"/status=ours":                  "/status=ours has no decision that is known; there are manual, max and side:NAME",
		"/status=side:c":                "/status=side:c names a side that there is not; there are a and b",
		"/status=max":                   "/status=max asks for the larger of what has no order: /status is no number and no time",
		"/lines/*=max":                  "/lines/*=max asks for the larger of what has no order: /lines/* is no number and no time",
		"/*=max":                        "/*=max asks for the larger of what has no order: /externalRef is no number and no time",
		"/colour=side:a":                "/colour=side:a is about no field of an order",
		"/customer/name/first=side:a":   "/customer/name/first=side:a is about no field of an order",
		"status=side:a":                 "status=side:a is about no field of an order",
		"/=side:a":                      "/=side:a is about no field of an order",
		"=side:a":                       "=side:a is about no field of an order",
		"/currency=side:a":              "/currency=side:a is about a field that cannot be changed once the order exists",
		"/totals=max":                   "/totals=max is about a field that is derived from others",
		"/totals/totalMinor=max":        "/totals/totalMinor=max is about no field of an order",
		"/lines/*/totalMinor=max":       "/lines/*/totalMinor=max is about a field that is derived from others",
		"/lines/*/lineId=side:a":        "/lines/*/lineId=side:a is about a field that identifies what it belongs to",
		"/status=side:a /status=side:b": "/status is there twice",
	} {
		_, err := ParseRules(text, "a", "b")
		require.EqualError(t, err, why)
	}
}

func TestSeen(t *testing.T) {
	r := Rule{Decide: BySide, Side: "b"}
	require.Equal(t, "theirs-always", r.Seen("a"))
	require.Equal(t, "ours-always", r.Seen("b"))
	require.Equal(t, "max", Rule{Decide: ByMax}.Seen("a"))
	require.Equal(t, "manual", Rule{}.Seen("a"))
}
