package connector_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// ledger is what people wrote, and what they replaced having seen it. Each value is written once, so that what is
// there at the end shows what was lost.
type ledger struct {
	written []string
	seen    map[string]bool // values that someone who saw them replaced
}

// wrote takes note of a change by someone who saw some values and left others.
func (l *ledger) wrote(before, after []string) {
	for _, v := range before {
		if !slices.Contains(after, v) {
			l.seen[v] = true
		}
	}
	for _, v := range after {
		if !slices.Contains(before, v) {
			l.written = append(l.written, v)
		}
	}
}

// lost lists the values that are nowhere any more, and that nobody replaced.
func (l *ledger) lost(is []string, excused map[string]bool) (list []string) {
	for _, v := range l.written {
		if !slices.Contains(is, v) && !l.seen[v] && !excused[v] {
			list = append(list, v)
		}
	}
	return list
}

// valuesOf are the values of an order that no other edit has.
func valuesOf(o *contracts.Order) (list []string) {
	if note := strings.TrimSpace(o.CustomerNote); note != "" {
		list = append(list, "/customerNote "+note)
	}
	if o.InternalNote != "" {
		list = append(list, "/internalNote "+o.InternalNote)
	}
	if o.Customer.Email != "" {
		list = append(list, "/customer/email "+o.Customer.Email)
	}
	for _, l := range o.Lines {
		list = append(list, fmt.Sprintf("/lines %s %d", l.SKU, l.Quantity))
	}
	return list
}

// fieldOf is the field of a value.
func fieldOf(value string) string {
	field, _, _ := strings.Cut(value, " ")
	return field
}
