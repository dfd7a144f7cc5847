package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// decimals is how many digits the minor unit of a currency has, where it is not two (ISO 4217, list
// one of 2026).
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0, "VND": 0,
	"VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

func decimalsOf(currency string) int {
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// money writes an amount with its currency: 1234567 EUR is "12 345.67 EUR". The blanks are narrow and
// do not break. Which sign a currency has, and on which side, depends on who reads; the code does not.
func money(minor int64, currency string) string {
	return amount(minor, currency, "\u202f") + "\u00a0" + currency
}

// amountField writes an amount as it stands in a form.
func amountField(minor int64, currency string) string { return amount(minor, currency, "") }

func amount(minor int64, currency, group string) string {
	sign := ""
	if minor < 0 {
		sign, minor = "\u2212", -minor
	}
	n := decimalsOf(currency)
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

// parseAmount reads an amount as people write it, with a point or a comma before the minor units.
// What is no such amount comes back as a fault in words.
func parseAmount(text, currency string) (minor int64, fault string) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "").Replace(strings.TrimSpace(text))
	n := decimalsOf(currency)
	at := strings.LastIndexAny(text, ".,")
	whole, rest := text, ""
	if at >= 0 {
		whole, rest = text[:at], text[at+1:]
	}
	example := amount(1250*pow10(max(0, n-2)), currency, "")
	switch {
	case text == "":
		return 0, ""
	case strings.ContainsAny(whole, ".,"), !isDigits(whole + rest), whole == "" && rest == "":
		return 0, "must be an amount such as " + example
	case len(rest) > n && n == 0:
		return 0, currency + " has no smaller unit; write a whole amount"
	case len(rest) > n:
		return 0, fmt.Sprintf("must have at most %d digits after the point", n)
	}
	minor, err := strconv.ParseInt(whole+rest+strings.Repeat("0", n-len(rest)), 10, 64)
	if err != nil || minor > contracts.MinorMax {
		return 0, "is too large"
	}
	return minor, ""
}

func pow10(n int) int64 {
	out := int64(1)
	for range n {
		out *= 10
	}
	return out
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// percent writes a rate in parts per million: 190000 is "19", 55000 is "5.5".
func percent(ppm int64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%04d", ppm/10_000, ppm%10_000), "0"), ".")
}

// parsePercent reads a rate as people write it.
func parsePercent(text string) (ppm int64, fault string) {
	text = strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "%")), ",", ".")
	whole, rest, _ := strings.Cut(text, ".")
	if text == "" {
		return 0, ""
	}
	if len(whole) > 3 || len(rest) > 4 || whole+rest == "" || !isDigits(whole+rest) {
		return 0, "must be a percentage such as 19 or 5.5"
	}
	ppm, _ = strconv.ParseInt(whole+rest+strings.Repeat("0", 4-len(rest)), 10, 64) // at most seven digits
	return ppm, ""
}
