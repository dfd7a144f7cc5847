package httpapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/orders"
)

func TestIfMatch(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  orders.Tags // nil: refused, where there are lines
	}{
		"absent":                    {},
		"one":                       {[]string{`"a.x:1,b.y:2"`}, orders.Tags{"a.x:1,b.y:2"}},
		"made weak on the way":      {[]string{`W/"v"`}, orders.Tags{"v"}},
		"several":                   {[]string{`"1" ,W/"2",, "3"`}, orders.Tags{"1", "2", "3"}},
		"several lines":             {[]string{`"1"`, `W/"2"`}, orders.Tags{"1", "2"}},
		"whatever is there":         {[]string{` * `}, orders.Tags{"*"}},
		"a star within quotes":      {[]string{`"*x"`}, orders.Tags{"*x"}},
		"no quotes":                 {[]string{`v`}, nil},
		"half a quote":              {[]string{`"v`}, nil},
		"two without a comma":       {[]string{`"1" "2"`}, nil},
		"a star beside a tag":       {[]string{`*, "1"`}, nil},
		"a tag beside a star":       {[]string{`"1"`, `*`}, nil},
		"empty":                     {[]string{``}, nil},
		"an empty tag":              {[]string{`""`}, nil},
		"lower-case w":              {[]string{`w/"v"`}, nil},
		"weak in quotes is another": {[]string{`"W/v"`}, orders.Tags{"W/v"}},
	} {
		tags, err := IfMatch(&http.Request{Header: http.Header{"If-Match": c.lines}})
		require.Equal(t, c.want, tags, name)
		require.Equal(t, c.want == nil && c.lines != nil, err != nil, name)
	}
	require.True(t, orders.Tags{"1", "2"}.Match("2"))
	require.True(t, orders.Tags{"*"}.Match("2"))
	require.False(t, orders.Tags{"1"}.Match("2", "3"))
	require.False(t, orders.Tags(nil).Match("2"))
}
