package web

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestValuesThatDifferLookDifferent: of a case, and of what putting something back would change.
func TestValuesThatDifferLookDifferent(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []any
		want   []string
	}{
		{"placedAt", []any{nil, "2026-11-21T09:14:27.3Z", "2026-11-21T09:14:27.4Z"}, []string{"", "21 Nov 2026, 09:14:27.3 UTC", "21 Nov 2026, 09:14:27.4 UTC"}},
		{"placedAt", []any{"2026-11-21T09:14:27Z", "2026-11-21T09:14:28Z"}, []string{"21 Nov 2026, 09:14:27 UTC", "21 Nov 2026, 09:14:28 UTC"}},
		{"name", []any{"caf\u00e9", "cafe\u0301"}, []string{"caf\u00e9‹U+00E9›", "cafe‹U+0301›"}},
		{"shippingMinor", []any{json.Number("1"), json.Number("2")}, []string{"0.01\u00a0EUR", "0.02\u00a0EUR"}},
		{
			"lines",
			[]any{map[string]any{"sku": "X", "name": "Tea", "quantity": json.Number("1"), "unitPriceMinor": json.Number("5")}, map[string]any{"sku": "Y", "name": "Tea", "quantity": json.Number("1"), "unitPriceMinor": json.Number("5")}},
			[]string{`{"name":"Tea","quantity":1,"sku":"X","unitPriceMinor":5}`, `{"name":"Tea","quantity":1,"sku":"Y","unitPriceMinor":5}`},
		},
	} {
		require.Equal(t, c.want, apart(c.name, "EUR", c.values...), c.name)
	}
}
