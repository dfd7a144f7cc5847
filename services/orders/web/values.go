package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/services/orders/visible"
)

// apart says values of a field as a person reads them, so that those that differ look different.
func apart(name, currency string, values ...any) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = valueWords(v, name, currency)
	}
	for i, v := range values {
		if j := slices.Index(texts, texts[i]); !reflect.DeepEqual(values[j], v) { // the words leave something out
			for k := range values {
				texts[k] = jsonText(values[k])
			}
			break
		}
	}
	return visible.Apart(texts...)
}

func jsonText(v any) string {
	if v == nil {
		return ""
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)              // the page does that
	if err := e.Encode(v); err != nil { // what was read as JSON always encodes
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

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
				return t.Format("2 Jan 2006, 15:04:05.999999") + " UTC"
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
