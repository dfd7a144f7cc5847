package shop

import (
	"math/big"
	"strings"
)

// decimals is how many digits a currency has behind the point, where it is not two.
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

// digits is how many digits the shop writes behind the point of an amount.
func (s *Shop) digits(currency string) int {
	if s.opts.Decimals > 0 {
		return s.opts.Decimals
	}
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// amount reads decimal text as the shop does: what is no digit, point or sign is left out, and what is no number then
// is nothing.
func amount(text string) *big.Rat {
	text = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return -1
	}, text)
	if r, ok := new(big.Rat).SetString(text); ok && len(text) <= 40 {
		return r
	}
	return new(big.Rat)
}

// fixed rounds text to some digits behind the point, half away from zero.
func fixed(text string, digits int) string { return rounded(amount(text), digits) }

func rounded(r *big.Rat, digits int) string {
	s := r.FloatString(digits)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// multiple rounds an amount to the nearest multiple of a step, half upwards.
func multiple(text, step string) string {
	by := amount(step)
	if by.Sign() == 0 {
		return text
	}
	n := new(big.Rat).Quo(amount(text), by)
	n.Add(n, big.NewRat(1, 2))
	whole := new(big.Rat).SetInt(new(big.Int).Div(n.Num(), n.Denom())) // Euclidean, so it rounds down below zero too
	return short(whole.Mul(whole, by))
}

// plain is an amount with the digits that it has, of which there are never more than ten behind the point.
func plain(text string) string { return short(amount(text)) }

// times is the price of so many.
func times(price string, quantity int64) string {
	return short(new(big.Rat).Mul(amount(price), big.NewRat(quantity, 1)))
}

func short(r *big.Rat) string {
	s := r.FloatString(10)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
