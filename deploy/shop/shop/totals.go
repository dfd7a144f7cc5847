package shop

import (
	"cmp"
	"math/big"
)

// calculate derives what is derived: the taxes of each line, rounded for each line by itself, and the totals.
func (s *Shop) calculate(o *Order) {
	digits := s.digits(o.Currency)
	ppm, ok := s.opts.TaxPPM[cmp.Or(o.Shipping.Country, o.Billing.Country)]
	if !ok {
		ppm = s.opts.TaxPPM[""]
	}
	tax := func(net string) string {
		return rounded(new(big.Rat).Mul(amount(net), big.NewRat(ppm, 1_000_000)), digits)
	}
	if step := s.opts.RoundLines; step != "" {
		for i := range o.Lines {
			o.Lines[i].Subtotal, o.Lines[i].Total = multiple(o.Lines[i].Subtotal, step), multiple(o.Lines[i].Total, step)
		}
	}
	before, after, shipping, fees := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	cartTax, discountTax, shippingTax := new(big.Rat), new(big.Rat), new(big.Rat)
	for i := range o.Lines {
		l := &o.Lines[i]
		l.SubtotalTax, l.TotalTax = tax(l.Subtotal), tax(l.Total)
		before.Add(before, amount(l.Subtotal))
		after.Add(after, amount(l.Total))
		cartTax.Add(cartTax, amount(l.TotalTax))
		discountTax.Add(discountTax, new(big.Rat).Sub(amount(l.SubtotalTax), amount(l.TotalTax)))
	}
	for i := range o.ShippingLines {
		l := &o.ShippingLines[i]
		l.TotalTax = tax(l.Total)
		shipping.Add(shipping, amount(l.Total))
		shippingTax.Add(shippingTax, amount(l.TotalTax))
	}
	for i := range o.Fees {
		f := &o.Fees[i]
		f.TotalTax = rounded(new(big.Rat), digits)
		if f.TaxStatus != "none" {
			f.TotalTax = tax(f.Total)
		}
		fees.Add(fees, amount(f.Total))
		cartTax.Add(cartTax, amount(f.TotalTax))
	}
	taxes := new(big.Rat).Add(cartTax, shippingTax)
	total := new(big.Rat).Add(after, fees)
	total.Add(total, shipping)
	total.Add(total, taxes)
	o.Totals = Totals{
		DiscountTotal: rounded(new(big.Rat).Sub(before, after), digits), DiscountTax: rounded(discountTax, digits),
		ShippingTotal: rounded(shipping, digits), ShippingTax: rounded(shippingTax, digits),
		CartTax: rounded(cartTax, digits), TotalTax: rounded(taxes, digits), Total: rounded(total, digits),
	}
}
