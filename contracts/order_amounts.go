package contracts

import (
	"fmt"
	"math/bits"
)

// gross is quantity times unit price, both within their ranges; not ok when it is over MinorMax.
func (l *Line) gross() (minor int64, ok bool) {
	high, low := bits.Mul64(uint64(l.Quantity), uint64(l.UnitPriceMinor))
	return int64(low), high == 0 && low <= MinorMax
}

// total is what the customer owes for the line.
func (l *Line) total(gross int64, pricesIncludeTax bool) int64 {
	if pricesIncludeTax {
		return gross - l.DiscountMinor
	}
	return gross - l.DiscountMinor + l.TaxMinor
}

// addUp derives the totals from lines that are sound; not ok when one is over MinorMax.
func (o *Order) addUp() (t Totals, ok bool) {
	t.ShippingMinor, t.TotalMinor, t.RefundedMinor = o.ShippingMinor, o.ShippingMinor, o.refunded()
	for i := range o.Lines {
		l := &o.Lines[i]
		gross, _ := l.gross()
		t.SubtotalMinor += gross
		t.DiscountMinor += l.DiscountMinor
		t.TaxMinor += l.TaxMinor
		t.TotalMinor += l.total(gross, o.PricesIncludeTax)
		if max(t.SubtotalMinor, t.DiscountMinor, t.TaxMinor, t.TotalMinor) > MinorMax {
			return t, false // now, before further lines could make int64 overflow
		}
	}
	return t, t.TotalMinor <= MinorMax
}

// checkAmounts checks the lines, the shipping, the refunds, and the derived totals where they are given.
func (o *Order) checkAmounts(c *checker) {
	faults := len(c.errs)
	sound := o.checkLines(c)
	linesRight := len(c.errs) == faults
	sound = c.number("shippingMinor", o.ShippingMinor, 0, MinorMax) && sound
	sound = o.checkRefunds(c, linesRight) && sound
	if !sound {
		return // there is nothing to compare the totals with
	}
	want, ok := o.addUp()
	if !ok {
		c.fail("lines", fmt.Sprintf("must not add up, with the shipping, to more than %d", int64(MinorMax)))
		return
	}
	if want.RefundedMinor > want.TotalMinor {
		c.fail("refunds", "must not add up to more than the total of the order")
	}
	given := o.Totals
	if given == nil {
		return
	}
	c.in("/totals")
	defer c.in("")
	c.derived("subtotalMinor", given.SubtotalMinor, want.SubtotalMinor)
	c.derived("discountMinor", given.DiscountMinor, want.DiscountMinor)
	c.derived("shippingMinor", given.ShippingMinor, want.ShippingMinor)
	c.derived("taxMinor", given.TaxMinor, want.TaxMinor)
	c.derived("totalMinor", given.TotalMinor, want.TotalMinor)
	c.derived("refundedMinor", given.RefundedMinor, want.RefundedMinor)
}

// derived checks an amount that the sender need not have given.
func (c *checker) derived(name string, given, want int64) {
	if given != want {
		c.fail(name, "is derived and does not fit the lines, the shipping and the refunds; it can be left out")
	}
}

// checkLines tells whether the lines are sound: whether there is an amount for each.
func (o *Order) checkLines(c *checker) (sound bool) {
	if len(o.Lines) == 0 {
		c.fail("lines", "must hold at least one line")
		return false
	}
	if !c.count("lines", len(o.Lines), LinesMax) {
		return false
	}
	defer c.in("")
	sound = true
	seen := make(map[string]struct{}, len(o.Lines))
	for i := range o.Lines {
		l := &o.Lines[i]
		c.item("/lines", i)
		c.form("lineId", l.LineID, isID, formID)
		if _, twice := seen[l.LineID]; twice && l.LineID != "" {
			c.fail("lineId", "is the id of another line, too")
		}
		seen[l.LineID] = struct{}{}
		c.requiredText("sku", l.SKU, ShortTextMax)
		c.requiredText("name", l.Name, NameLengthMax)
		sound = l.checkAmounts(c, o.PricesIncludeTax) && sound
	}
	return sound
}

func (l *Line) checkAmounts(c *checker, pricesIncludeTax bool) (sound bool) {
	sound = c.number("quantity", l.Quantity, 1, QuantityMax)
	sound = c.number("unitPriceMinor", l.UnitPriceMinor, 0, MinorMax) && sound
	sound = c.number("discountMinor", l.DiscountMinor, 0, MinorMax) && sound
	sound = c.number("taxRatePpm", l.TaxRatePPM, 0, TaxRatePPMMax) && sound
	sound = c.number("taxMinor", l.TaxMinor, 0, MinorMax) && sound
	if !sound {
		return false
	}
	gross, ok := l.gross()
	if !ok {
		c.fail("unitPriceMinor", fmt.Sprintf("times the quantity must not be more than %d", int64(MinorMax)))
		return false
	}
	if l.DiscountMinor > gross {
		c.fail("discountMinor", "must not be more than the quantity times the unit price")
		return false
	}
	total := l.total(gross, pricesIncludeTax)
	if total > MinorMax {
		c.fail("taxMinor", fmt.Sprintf("must not lift the line to more than %d", int64(MinorMax)))
		return false
	}
	if l.TotalMinor != nil && *l.TotalMinor != total {
		c.fail("totalMinor", "is derived and does not fit the line; it can be left out")
	}
	return true
}
