package merge

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/orderbridge/orderbridge/contracts"
)

// works draws what somebody does to an order: a few small changes, of values so few that both sides
// often meet.
func works() *rapid.Generator[work] {
	return rapid.Custom(func(t *rapid.T) work {
		var all []work
		for range rapid.IntRange(0, 5).Draw(t, "changes") {
			all = append(all, change(t))
		}
		return func(o *contracts.Order) {
			for _, w := range all {
				w(o)
			}
		}
	})
}

func change(t *rapid.T) work {
	n, at, with := rapid.Int64Range(1, 3).Draw(t, "n"), rapid.IntRange(0, 3).Draw(t, "at"), rapid.IntRange(0, 3).Draw(t, "with")
	word := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "word")
	switch rapid.IntRange(0, 14).Draw(t, "what") {
	case 0:
		return func(o *contracts.Order) { o.CustomerNote = word }
	case 1:
		return func(o *contracts.Order) { o.InternalNote = word }
	case 2:
		return onLine(at, func(l *contracts.Line) { l.Quantity = n })
	case 3:
		return onLine(at, func(l *contracts.Line) { l.DiscountMinor = n - 1 })
	case 4:
		return func(o *contracts.Order) {
			if len(o.Lines) > 1 {
				at := at % len(o.Lines)
				o.Lines = slices.Delete(o.Lines, at, at+1)
			}
		}
	case 5:
		return func(o *contracts.Order) {
			id := line4[:35] + string("456"[n-1])
			if !slices.ContainsFunc(o.Lines, func(l contracts.Line) bool { return l.LineID == id }) {
				o.Lines = slices.Insert(o.Lines, min(at, len(o.Lines)), line(id))
			}
		}
	case 6:
		return func(o *contracts.Order) {
			i, j := at%len(o.Lines), with%len(o.Lines)
			o.Lines[i], o.Lines[j] = o.Lines[j], o.Lines[i]
		}
	case 7:
		return func(o *contracts.Order) { o.Tags = []string{"gift", "late", "vip"}[:n] }
	case 8:
		return func(o *contracts.Order) { o.Metadata = map[string]string{"channel": word} }
	case 9:
		return func(o *contracts.Order) {
			if o.ShippingAddress != nil {
				o.ShippingAddress.Line2 = word
			}
		}
	case 10:
		return func(o *contracts.Order) {
			if o.ShippingAddress != nil {
				o.ShippingAddress.PostalCode = word
			}
		}
	case 11:
		return func(o *contracts.Order) { o.ShippingAddress = nil }
	case 12:
		return func(o *contracts.Order) {
			r := refund(string("123"[n-1]))
			if !slices.ContainsFunc(o.Refunds, func(x contracts.Refund) bool { return x.ID == r.ID }) {
				o.Refunds = slices.Insert(o.Refunds, min(at, len(o.Refunds)), r)
			}
		}
	case 13:
		return func(o *contracts.Order) {
			if len(o.Refunds) > 0 {
				r := &o.Refunds[at%len(o.Refunds)]
				r.AmountMinor, r.Reason = n, word
			}
		}
	default:
		return func(o *contracts.Order) { o.PlacedAt = o.PlacedAt.AddDate(0, 0, int(n)) }
	}
}

func onLine(at int, f func(*contracts.Line)) work {
	return func(o *contracts.Order) { f(&o.Lines[at%len(o.Lines)]) }
}

var policies = []string{"", "/lines=side:a", "/lines/*/quantity=max /lines=side:b", "/*=side:a", "/customerNote=manual /*=side:b", "/placedAt=max /shippingAddress=side:a"}

// three draws a base, both versions and a policy.
func three(t *rapid.T) (base, a, b *contracts.Order, p Policy) {
	base = edited(t, agreed(t), works().Draw(t, "before"))
	a, b = edited(t, base, works().Draw(t, "a")), edited(t, base, works().Draw(t, "b"))
	p = rules(t, rapid.SampledFrom(policies).Draw(t, "rules"))
	p.Merge = rapid.Bool().Draw(t, "merge")
	return base, a, b, p
}

// Both sides come to the same, or both need a person; and about the same fields.
func TestSymmetric(t *testing.T) {
	settled := 0
	rapid.Check(t, func(t *rapid.T) {
		base, a, b, p := three(t)
		atA, atB := Orders(base, a, b, p, "a", "b"), Orders(base, b, a, p, "b", "a")
		require.Equal(t, atA.Settled, atB.Settled)
		require.Equal(t, undecided(atA), undecided(atB))
		if !atA.Settled {
			return
		}
		settled++
		require.Equal(t, text(t, atA.Order), text(t, atB.Order))
		if len(atA.Order.Lines) == 0 {
			return // each removed what the other one left; who merges has to validate
		}
		for _, e := range atA.Order.Validate() { // one refunded what the other removed; as above
			require.True(t, strings.HasPrefix(e.Pointer, "/refunds/"), "%s %s", e.Pointer, e.Detail)
		}
		again := cloned(t, atA.Order)
		again.Complete()
		require.Equal(t, text(t, again), text(t, atA.Order), "derived sums are right")
	})
	require.Positive(t, settled)
}

// What only one side changed is in the merged order, and nothing else is.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, a, b, p := three(t)
		r := Orders(base, a, b, p, "a", "b")
		before, our, their, merged := takeApart(base), takeApart(a), takeApart(b), takeApart(r.Order)
		contested := undecided(r)
		of := map[string]Field{}
		for _, f := range r.Fields {
			of[f.Pointer] = f
		}
		for _, pointer := range union(keys(before.leaves), keys(our.leaves), keys(their.leaves), keys(merged.leaves)) {
			above, _ := cut(pointer)
			x, y, z, got := before.leaves[pointer], our.leaves[pointer], their.leaves[pointer], merged.leaves[pointer]
			f, known := of[pointer]
			if !known {
				f = of[above] // of a line that came or went
			}
			switch {
			case y == z:
				require.Equal(t, y, got, "%s: both have the same", pointer)
			case f.Pick == Theirs:
				require.Equal(t, z, got, pointer)
			default:
				require.Equal(t, y, got, pointer)
			}
			switch {
			case f.Contested:
				ruled, ok := p.Rules.of(f.Pointer)
				require.Equal(t, !ok || ruled.Decide == ByPerson, slices.Contains(contested, f.Pointer), "%s: nothing but a rule decides", f.Pointer)
			case y != z && y == x:
				require.Equal(t, z, got, "%s: only theirs changed", pointer)
			case y != z && z == x:
				require.Equal(t, y, got, "%s: only ours changed", pointer)
			}
		}
		if len(contested) > 0 {
			require.False(t, r.Settled)
		}
		for _, l := range union(our.lists["/lines"], their.lists["/lines"]) {
			if our.has(l) && their.has(l) {
				require.True(t, merged.has(l), "a line that both have stays")
			}
		}
	})
}

// Merging what is merged already changes nothing, with what either side had, or with the base.
func TestIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, a, b, p := three(t)
		p.Merge = true
		require.Equal(t, text(t, a), text(t, Orders(base, a, base, p, "a", "b").Order), "one side did nothing")
		require.Equal(t, text(t, a), text(t, Orders(base, base, a, p, "a", "b").Order), "the other side did nothing")
		same := Orders(base, a, a, p, "a", "b")
		require.True(t, same.Settled)
		require.Equal(t, text(t, a), text(t, same.Order))
		if r := Orders(base, a, b, p, "a", "b"); r.Settled {
			again := Orders(a, r.Order, a, p, "a", "b")
			require.True(t, again.Settled)
			require.Equal(t, text(t, r.Order), text(t, again.Order))
		}
	})
}

// Nothing that is given is changed.
func TestPure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base, a, b, p := three(t)
		before := [3]string{text(t, base), text(t, a), text(t, b)}
		first := Orders(base, a, b, p, "a", "b")
		require.Equal(t, before, [3]string{text(t, base), text(t, a), text(t, b)})
		second := Orders(base, a, b, p, "a", "b")
		require.Equal(t, text(t, first.Order), text(t, second.Order))
		require.Equal(t, first.Fields, second.Fields)
	})
}
