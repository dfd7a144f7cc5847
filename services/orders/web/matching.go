package web

import (
	"net/url"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// olderThan are the ages to choose from.
var olderThan = []struct {
	option
	age time.Duration
}{
	{option{"", "any time"}, 0},
	{option{"hour", "an hour or longer"}, time.Hour},
	{option{"day", "a day or longer"}, 24 * time.Hour},
	{option{"week", "a week or longer"}, 7 * 24 * time.Hour},
}

// narrow puts into a settlement which cases a form describes by what they have in common.
func narrow(s *contracts.CollisionSettlement, v url.Values) {
	s.OrderNumber, s.Peer, s.After = strings.TrimSpace(v.Get("number")), v.Get("peer"), v.Get("after")
	for _, o := range olderThan {
		if o.Value == v.Get("older") {
			s.OpenSeconds = int64(o.age / time.Second)
		}
	}
}

// Ages are the ages to choose from.
func (*collisionsPage) Ages() (out []option) {
	for _, o := range olderThan {
		out = append(out, o.option)
	}
	return out
}
