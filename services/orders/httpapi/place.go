package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/orders"
)

// cursorOf is the place where a page ended as clients see it: the number of a change, or when an order was
// placed and which it is.
func cursorOf(p *orders.Place, byChange bool) string {
	if byChange {
		return strconv.FormatInt(p.Seq, 10)
	}
	return p.At.UTC().Format(time.RFC3339Nano) + "_" + p.ID.String()
}

// place reads a parameter that is a cursor, or the zero place.
func (q *Query) place(name string, byChange bool) (p orders.Place) {
	if byChange {
		return orders.Place{Seq: q.Number(name)}
	}
	text := q.Text(name)
	if text == "" {
		return p
	}
	at, id, _ := strings.Cut(text, "_")
	var errAt, errID error
	p.At, errAt = time.Parse(time.RFC3339Nano, at)
	p.ID, errID = uuid.Parse(id)
	if errAt != nil || errID != nil {
		q.Fault(name, "is not one of this list: of another order, or of an earlier version; begin again without it")
		return orders.Place{}
	}
	return p
}
