package httpapi

import (
	"net/http"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// IfMatch reads the If-Match of a request: entity tags in one header line or several, or "*"; nil when there is
// none. A tag that a proxy made weak counts like the one that was sent: it names the version either way, and a
// client behind such a proxy could change nothing otherwise.
func IfMatch(r *http.Request) (orders.Tags, error) {
	lines := r.Header.Values("If-Match")
	if len(lines) == 0 {
		return nil, nil
	}
	text := strings.TrimSpace(strings.Join(lines, ","))
	if text == "*" {
		return orders.Tags{"*"}, nil
	}
	var tags orders.Tags
	for text != "" {
		text = strings.TrimPrefix(text, "W/")
		if text[:min(1, len(text))] != `"` {
			return nil, badMatch()
		}
		tag, rest, closed := strings.Cut(text[1:], `"`)
		rest = strings.TrimLeft(rest, " \t")
		if !closed || tag == "" || rest != "" && rest[0] != ',' {
			return nil, badMatch()
		}
		tags = append(tags, tag)
		text = strings.TrimLeft(rest, ", \t")
	}
	if tags == nil {
		return nil, badMatch()
	}
	return tags, nil
}

func badMatch() error {
	return &contracts.Problem{Status: http.StatusBadRequest, Detail: `If-Match must be the ETag of what you have seen, in quotes, or several with commas between them, or "*"`}
}
