package contracts

import (
	"fmt"
	"strings"
)

// decimals is how many digits the minor unit of a currency has, where it is not two (ISO 4217, list
// one of 2026).
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0,
	"VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// Decimals returns how many digits the minor unit of a currency has.
func Decimals(currency string) int {
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// Amount writes an amount without its currency: 1234567 EUR is "12345.67". Group stands between the thousands.
func Amount(minor int64, currency, group string) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	n := Decimals(currency)
	digits := fmt.Sprintf("%0*d", n+1, minor)
	whole, rest := digits[:len(digits)-n], digits[len(digits)-n:]
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(group)
		}
		b.WriteRune(c)
	}
	if rest != "" {
		b.WriteString("." + rest)
	}
	return sign + b.String()
}
