package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// withCurrency writes an amount with its currency: 1234567 EUR is "12 345.67 EUR". The blanks are narrow and
// do not break. Which sign a currency has, and on which side, depends on who reads; the code does not.
func withCurrency(minor int64, currency string) string {
	return amount(minor, currency, "\u202f") + "\u00a0" + currency
}

// amountField writes an amount as it stands in a form.
func amountField(minor int64, currency string) string { return amount(minor, currency, "") }

func amount(minor int64, currency, group string) string {
	return strings.Replace(contracts.Amount(minor, currency, group), "-", "\u2212", 1)
}

// parseAmount reads an amount as people write it, with a point or a comma before the minor units.
// What is no such amount comes back as a fault in words.
func parseAmount(text, currency string) (minor int64, fault string) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "").Replace(strings.TrimSpace(text))
	n := contracts.Decimals(currency)
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
