package merge

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

const line1, line2, line3, line4 = "019aa5c2-0000-7000-8000-000000000001", "019aa5c2-0000-7000-8000-000000000002",
	"019aa5c2-0000-7000-8000-000000000003", "019aa5c2-0000-7000-8000-000000000004"

// agreed is a valid order with three lines.
func agreed(t require.TestingT) *contracts.Order {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "contracts", "examples", "order.create.json"))
	require.NoError(t, err)
	var o contracts.Order
	require.NoError(t, strictjson.Decode(data, &o))
	o.ID, o.Source, o.Status, o.PaymentStatus, o.FulfillmentStatus = "019aa5c2-0000-7000-8000-0000000000ff", "web",
		contracts.StatusPending, contracts.PaymentUnpaid, contracts.FulfillmentUnfulfilled
	o.PlacedAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	o.Lines = nil
	for _, id := range []string{line1, line2, line3} {
		o.Lines = append(o.Lines, line(id))
	}
	o.Tags, o.Metadata = []string{"gift"}, map[string]string{"channel": "web"}
	o.Tracking = []contracts.Tracking{{Carrier: "post", Number: "1"}}
	o.Complete()
	require.Empty(t, o.Validate())
	return &o
}

func line(id string) contracts.Line {
	return contracts.Line{LineID: id, SKU: "sku-" + id[35:], Name: "thing", Quantity: 5, UnitPriceMinor: 1000, DiscountMinor: 10}
}

func refund(n string) contracts.Refund {
	return contracts.Refund{
		ID: "019aa5c2-0000-7000-8000-00000000010" + n, AmountMinor: 1, Reason: "broken", At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Lines: []contracts.RefundLine{{LineID: line1, Quantity: 1}},
	}
}

// cloned is a copy that shares nothing.
func cloned(t require.TestingT, o *contracts.Order) *contracts.Order {
	data, err := strictjson.Encode(o)
	require.NoError(t, err)
	var c contracts.Order
	require.NoError(t, strictjson.Decode(data, &c))
	return &c
}

// edited is a copy that somebody worked on.
func edited(t require.TestingT, o *contracts.Order, work func(*contracts.Order)) *contracts.Order {
	c := cloned(t, o)
	work(c)
	c.Totals = nil
	for i := range c.Lines {
		c.Lines[i].TotalMinor = nil
	}
	c.Complete()
	return c
}

func text(t require.TestingT, o *contracts.Order) string {
	data, err := strictjson.Encode(o)
	require.NoError(t, err)
	return string(data)
}

func rules(t require.TestingT, text string) Policy {
	r, err := ParseRules(text, "a", "b")
	require.NoError(t, err)
	return Policy{Merge: true, Rules: r}
}

type work func(*contracts.Order)

func nothing(*contracts.Order) {}

// Each case is tried from both sides, which must come to the same.
func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		before     work // what the base has
		a, b, want work // want is what both sides come to; nil where a person must decide
		rules      string
		contested  []string
	}{
		"different fields": {
			a: func(o *contracts.Order) { o.CustomerNote = "ring twice" }, b: func(o *contracts.Order) { o.Lines[1].Quantity = 7 },
			want: func(o *contracts.Order) { o.CustomerNote, o.Lines[1].Quantity = "ring twice", 7 },
		},
		"the same change": {
			a: func(o *contracts.Order) { o.CustomerNote = "x"; o.InternalNote = "y" }, b: func(o *contracts.Order) { o.CustomerNote = "x" },
			want: func(o *contracts.Order) { o.CustomerNote, o.InternalNote = "x", "y" },
		},
		"one field, both ways": {
			a: func(o *contracts.Order) { o.CustomerNote = "x" }, b: func(o *contracts.Order) { o.CustomerNote = "y" },
			contested: []string{"/customerNote"},
		},
		"one line in two fields": {
			a: func(o *contracts.Order) { o.Lines[0].Quantity = 9 }, b: func(o *contracts.Order) { o.Lines[0].Name = "another" },
			want: func(o *contracts.Order) { o.Lines[0].Quantity, o.Lines[0].Name = 9, "another" },
		},
		"totals are not contested": {
			a: func(o *contracts.Order) { o.Lines[0].Quantity = 9 }, b: func(o *contracts.Order) { o.Lines[2].Quantity = 1 },
			want: func(o *contracts.Order) { o.Lines[0].Quantity, o.Lines[2].Quantity = 9, 1 },
		},
		"a line added by each": {
			a: func(o *contracts.Order) { o.Lines = append(o.Lines, line(line4)) }, b: func(o *contracts.Order) {
				o.Lines = append(o.Lines, line("019aa5c2-0000-7000-8000-00000000000a"))
			},
			want: func(o *contracts.Order) {
				o.Lines = append(o.Lines, line(line4), line("019aa5c2-0000-7000-8000-00000000000a"))
			},
		},
		"a line added in front, one removed": {
			a:    func(o *contracts.Order) { o.Lines = append([]contracts.Line{line(line4)}, o.Lines...) },
			b:    func(o *contracts.Order) { o.Lines = o.Lines[1:] },
			want: func(o *contracts.Order) { o.Lines = append([]contracts.Line{line(line4)}, o.Lines[1:]...) },
		},
		"a line removed by both": {
			a: func(o *contracts.Order) { o.Lines = o.Lines[1:] }, b: func(o *contracts.Order) { o.Lines = o.Lines[1:] },
			want: func(o *contracts.Order) { o.Lines = o.Lines[1:] },
		},
		"a line removed that the other changed": {
			a: func(o *contracts.Order) { o.Lines = o.Lines[:2] }, b: func(o *contracts.Order) { o.Lines[2].Quantity = 6 },
			contested: []string{"/lines/" + line3},
		},
		"lines moved, another one changed": {
			a: func(o *contracts.Order) { o.Lines[0], o.Lines[2] = o.Lines[2], o.Lines[0] }, b: func(o *contracts.Order) { o.Lines[2].Quantity = 6 },
			want: func(o *contracts.Order) { o.Lines[2].Quantity = 6; o.Lines[0], o.Lines[2] = o.Lines[2], o.Lines[0] },
		},
		"lines moved both ways": {
			a: func(o *contracts.Order) { o.Lines[0], o.Lines[2] = o.Lines[2], o.Lines[0] }, b: func(o *contracts.Order) { o.Lines[0], o.Lines[1] = o.Lines[1], o.Lines[0] },
			contested: []string{"/lines"},
		},
		"tags by element": {
			a: func(o *contracts.Order) { o.Tags = []string{"gift", "vip"} }, b: func(o *contracts.Order) { o.Tags = []string{"late"} },
			want: func(o *contracts.Order) { o.Tags = []string{"late", "vip"} },
		},
		"metadata by key": {
			a: func(o *contracts.Order) { o.Metadata["a"] = "1" }, b: func(o *contracts.Order) { delete(o.Metadata, "channel") },
			want: func(o *contracts.Order) { o.Metadata = map[string]string{"a": "1"} },
		},
		"a parcel each": {
			a: func(o *contracts.Order) {
				o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: "post", Number: "3"})
			},
			b: func(o *contracts.Order) {
				o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: "post", Number: "2"})
			},
			want: func(o *contracts.Order) {
				o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: "post", Number: "2"}, contracts.Tracking{Carrier: "post", Number: "3"})
			},
		},
		"the same parcels added, in another order": {
			a: func(o *contracts.Order) {
				o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: "post", Number: "2"}, contracts.Tracking{Carrier: "post", Number: "3"})
			},
			b: func(o *contracts.Order) {
				o.Tracking = append(o.Tracking, contracts.Tracking{Carrier: "post", Number: "3"}, contracts.Tracking{Carrier: "post", Number: "2"})
			},
			contested: []string{"/tracking"},
		},
		"a refund each": {
			a: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) }, b: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("2")) },
			want: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1"), refund("2")) },
		},
		"the same refund added": {
			a: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) }, b: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) },
			want: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) },
		},
		"a refund added, a line changed": {
			a: func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) }, b: func(o *contracts.Order) { o.Lines[1].Quantity = 7 },
			want: func(o *contracts.Order) { o.Refunds, o.Lines[1].Quantity = append(o.Refunds, refund("1")), 7 },
		},
		"half of a refund each": {
			a: func(o *contracts.Order) { o.Refunds[0].AmountMinor = 2 }, b: func(o *contracts.Order) { o.Refunds[0].Lines[0].Quantity = 2 },
			before:    func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) },
			contested: []string{"/refunds/" + refund("1").ID + "/amountMinor", "/refunds/" + refund("1").ID + "/lines"},
		},
		"a refund removed that the other changed": {
			a: func(o *contracts.Order) { o.Refunds = nil }, b: func(o *contracts.Order) { o.Refunds[0].Reason = "late" },
			before:    func(o *contracts.Order) { o.Refunds = append(o.Refunds, refund("1")) },
			contested: []string{"/refunds/" + refund("1").ID},
		},
		"half of an address each": {
			a: func(o *contracts.Order) { o.ShippingAddress.City = "Bonn" }, b: func(o *contracts.Order) { o.ShippingAddress.PostalCode = "99" },
			contested: []string{"/shippingAddress/city", "/shippingAddress/postalCode"},
		},
		"the address of one side, the phone of the other": {
			a: func(o *contracts.Order) { o.ShippingAddress.City = "Bonn" }, b: func(o *contracts.Order) { o.Customer.Phone = "+4930999999" },
			want: func(o *contracts.Order) { o.ShippingAddress.City, o.Customer.Phone = "Bonn", "+4930999999" },
		},
		"an address removed": {
			a: func(o *contracts.Order) { o.ShippingAddress = nil }, b: func(o *contracts.Order) { o.CustomerNote = "x" },
			want: func(o *contracts.Order) { o.ShippingAddress, o.CustomerNote = nil, "x" },
		},
		"a field that a side owns": {
			a: func(o *contracts.Order) { o.ShippingAddress.City = "Bonn" }, b: func(o *contracts.Order) { o.ShippingAddress.City = "Kiel" },
			want: func(o *contracts.Order) { o.ShippingAddress.City = "Kiel" }, rules: "/shippingAddress/*=side:b",
		},
		"who does not own a field may still change it alone": {
			a: func(o *contracts.Order) { o.ShippingAddress.City = "Bonn" }, b: nothing,
			want: func(o *contracts.Order) { o.ShippingAddress.City = "Bonn" }, rules: "/shippingAddress=side:b",
		},
		"the larger one": {
			a: func(o *contracts.Order) { o.Lines[0].Quantity, o.PromisedOn = 9, "2026-12-01" },
			b: func(o *contracts.Order) { o.Lines[0].Quantity, o.PromisedOn = 10, "2026-11-30" },
			want: func(o *contracts.Order) {
				o.Lines[0].Quantity, o.PromisedOn = 10, "2026-12-01"
			}, rules: "/lines/*/quantity=max, /promisedOn=max",
		},
		"the later one": {
			a: func(o *contracts.Order) { o.PlacedAt = o.PlacedAt.Add(time.Microsecond) }, b: func(o *contracts.Order) { o.PlacedAt = o.PlacedAt.Add(time.Second) },
			want: func(o *contracts.Order) { o.PlacedAt = o.PlacedAt.Add(time.Second) }, rules: "/placedAt=max",
		},
		"a removed line of the side that owns lines": {
			a: func(o *contracts.Order) { o.Lines = o.Lines[:2] }, b: func(o *contracts.Order) { o.Lines[2].Quantity = 6 },
			want: func(o *contracts.Order) { o.Lines = o.Lines[:2] }, rules: "/lines=side:a",
		},
		"a removed line of the side that does not own lines": {
			a: func(o *contracts.Order) { o.Lines = o.Lines[:2] }, b: func(o *contracts.Order) { o.Lines[2].Quantity = 6 },
			want: func(o *contracts.Order) { o.Lines[2].Quantity = 6 }, rules: "/lines/*=side:b",
		},
		"the first rule counts": {
			a: func(o *contracts.Order) { o.Customer.Name = "A" }, b: func(o *contracts.Order) { o.Customer.Name = "B" },
			rules: "/customer/name=manual /customer=side:b", contested: []string{"/customer/name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := agreed(t)
			if c.before != nil {
				base = edited(t, base, c.before)
			}
			a, b := edited(t, base, c.a), edited(t, base, c.b)
			p := rules(t, c.rules)
			atA, atB := Orders(base, a, b, p, "a", "b"), Orders(base, b, a, p, "b", "a")
			require.Equal(t, c.want != nil, atA.Settled)
			require.Equal(t, atA.Settled, atB.Settled)
			require.Equal(t, c.contested, undecided(atA))
			require.Equal(t, c.contested, undecided(atB))
			if c.want != nil {
				require.Equal(t, text(t, edited(t, base, c.want)), text(t, atA.Order))
				require.Equal(t, text(t, atA.Order), text(t, atB.Order))
				return
			}
			require.Equal(t, text(t, a), text(t, atA.Order), "a person starts from ours")
			require.Equal(t, text(t, b), text(t, atB.Order))
		})
	}
}

// undecided are the fields that a person must decide.
func undecided(r Result) (pointers []string) {
	for _, f := range r.Fields {
		if f.Contested && f.Pick == Nobody {
			pointers = append(pointers, f.Pointer)
		}
	}
	return pointers
}

// Without merging a person decides every field that differs, but for those with a rule.
func TestManual(t *testing.T) {
	base := agreed(t)
	a := edited(t, base, func(o *contracts.Order) { o.CustomerNote = "x" })
	b := edited(t, base, func(o *contracts.Order) { o.Lines[0].Quantity = 9 })
	p := rules(t, "/lines/*/quantity=max")
	p.Merge = false
	require.False(t, Orders(base, a, b, p, "a", "b").Settled, "a note has no rule")
	a = edited(t, base, func(o *contracts.Order) { o.Lines[0].Quantity = 8 })
	r := Orders(base, a, b, p, "a", "b")
	require.True(t, r.Settled)
	require.EqualValues(t, 9, r.Order.Lines[0].Quantity)
}

// Without the last common version nobody can tell who changed what.
func TestNoBase(t *testing.T) {
	base := agreed(t)
	a := edited(t, base, func(o *contracts.Order) { o.CustomerNote = "x" })
	b := edited(t, base, func(o *contracts.Order) { o.Lines = o.Lines[1:]; o.Tags = []string{"late"} })
	r := Orders(nil, a, b, rules(t, "/lines=side:b"), "a", "b")
	require.False(t, r.Settled)
	require.Equal(t, []string{"/customerNote", "/lines/" + line1, "/tags/gift", "/tags/late"}, undecided(r))
	require.Equal(t, text(t, a), text(t, r.Order))
	require.Empty(t, Orders(nil, a, a, Policy{Merge: true}, "a", "b").Fields)
}

func TestFieldsSayWhereTheyAre(t *testing.T) {
	base := agreed(t)
	a := edited(t, base, func(o *contracts.Order) {
		o.Lines, o.InternalNote = o.Lines[1:], "both"
		o.Lines[0].Quantity = 8
	})
	b := edited(t, base, func(o *contracts.Order) {
		o.Lines[1].Quantity, o.InternalNote = 9, "both"
		o.Tags = []string{"gift", "a/b"}
	})
	got := map[string][3]string{}
	for _, f := range Orders(base, a, b, Policy{}, "a", "b").Fields {
		var at [3]string
		for i, place := range []*string{f.Base, f.Ours, f.Theirs} {
			at[i] = "-"
			if place != nil {
				at[i] = *place
			}
		}
		got[f.Pointer+" "+f.Change.String()+" "+f.Pick.String()] = at
	}
	require.Equal(t, map[string][3]string{
		"/lines/" + line1 + " ours ours":      {"/lines/0", "-", "/lines/0"},
		"/lines/" + line2 + "/quantity both ": {"/lines/1/quantity", "/lines/0/quantity", "/lines/1/quantity"},
		"/tags/a~1b theirs theirs":            {"-", "-", "/tags/0"},
		"/internalNote same ":                 {"-", "/internalNote", "/internalNote"},
	}, got)
}
