package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// valueWords says a value of an order as a person reads it.
func valueWords(v any, name, currency string) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case json.Number:
		n, err := v.Int64()
		switch {
		case err != nil:
			return v.String()
		case strings.HasSuffix(name, "Minor"):
			return withCurrency(n, currency)
		case name == "taxRatePpm":
			return percent(n) + "\u00a0%"
		}
		return number(n)
	case string:
		switch name {
		case "status", "paymentStatus", "fulfillmentStatus", "cancelReason":
			return words(v)
		case "placedAt", "cancelledAt", "at":
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return t.Format("2 Jan 2006, 15:04:05") + " UTC"
			}
		}
		return v
	case map[string]any:
		if v["sku"] != nil {
			price := valueWords(v["unitPriceMinor"], "unitPriceMinor", currency)
			return fmt.Sprintf("%s × %s, %s", valueWords(v["quantity"], "quantity", currency), v["name"], price)
		}
		if v["amountMinor"] != nil { // a refund
			return strings.TrimSuffix(valueWords(v["amountMinor"], "amountMinor", currency)+", "+valueWords(v["reason"], "reason", currency), ", ")
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, valueWords(v[k], k, currency))
		}
		return strings.Join(parts, ", ")
	case []any:
		var parts []string
		for i, one := range v {
			if m, ok := one.(map[string]any); ok && m["name"] != nil {
				parts = append(parts, strconv.Itoa(i+1)+". "+fmt.Sprint(m["name"]))
				continue
			}
			parts = append(parts, valueWords(one, "", currency))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}
