package profile

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// parseDecimal reads a decimal text as an integer of 10^-digits: "12.50" with 2 digits is 1250. Digits beyond those
// must be zeros: an amount is never rounded. The exponent that JSON numbers may have is understood.
func parseDecimal(s string, digits int) (int64, error) {
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n < -40 || n > 40 {
			return 0, fmt.Errorf("%s is not a decimal number", quote(s))
		}
		mantissa, exponent = s[:i], n
	}
	sign := int64(1)
	switch {
	case strings.HasPrefix(mantissa, "-"):
		sign, mantissa = -1, mantissa[1:]
	case strings.HasPrefix(mantissa, "+"):
		mantissa = mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	if all == "" || len(all) > 60 || strings.Trim(all, "0123456789") != "" {
		return 0, fmt.Errorf("%s is not a decimal number", quote(s))
	}
	shift := digits + exponent - len(fraction) // the value is all × 10^shift
	if shift < 0 {
		cut := max(len(all)+shift, 0)
		if strings.Trim(all[cut:], "0") != "" {
			return 0, fmt.Errorf("%s has more than %d digits after the point", quote(s), digits)
		}
		all = all[:cut]
	} else {
		all += strings.Repeat("0", shift)
	}
	all = strings.TrimLeft(all, "0")
	if all == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(all, 10, 64)
	if err != nil || n > contracts.MinorMax {
		return 0, fmt.Errorf("%s is more than an order can hold", quote(s))
	}
	return sign * n, nil
}

// formatDecimal writes an integer of 10^-digits as a decimal text.
func formatDecimal(n int64, digits int) string {
	sign := ""
	if n < 0 {
		sign = "-"
	}
	text := strconv.FormatUint(magnitude(n), 10)
	if digits == 0 {
		return sign + text
	}
	if len(text) <= digits {
		text = strings.Repeat("0", digits-len(text)+1) + text
	}
	return sign + text[:len(text)-digits] + "." + text[len(text)-digits:]
}

func magnitude(n int64) uint64 {
	if n == math.MinInt64 {
		return 1 << 63
	}
	return uint64(max(n, -n))
}

// decimalOf reads a decimal that the system wrote as a text or a number. Nothing at all is 0.
func decimalOf(v any, digits int) (int64, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case string:
		if v == "" {
			return 0, nil
		}
		return parseDecimal(v, digits)
	case json.Number:
		return parseDecimal(v.String(), digits)
	case int: // of a jq expression
		return parseDecimal(strconv.Itoa(v), digits)
	case float64:
		return 0, fmt.Errorf("a jq expression computed a floating-point number, which amounts never are")
	}
	return 0, fmt.Errorf("%s is not a decimal number", quote(v))
}

// quote shows a value of the system in a message, cut short.
func quote(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "the value"
	}
	const shown = 60
	if runes := []rune(string(text)); len(runes) > shown {
		return string(runes[:shown]) + "…"
	}
	return string(text)
}
