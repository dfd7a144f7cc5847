package web

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// A form shows the refunds of an order and carries them along as JSON: they are recorded by the program that
// paid the money back, and an edit of anything else must leave them as they are.

func refundsText(refunds []contracts.Refund) string {
	if len(refunds) == 0 {
		return ""
	}
	b, err := json.Marshal(refunds)
	if err != nil { // texts, numbers and times of valid years always encode
		panic(err)
	}
	return string(b)
}

// refunds reads what refundsText wrote; nil if there is nothing or it is unreadable.
func (s sheet) refunds() []contracts.Refund {
	var refunds []contracts.Refund
	if json.Unmarshal([]byte(s.fields["/refunds"]), &refunds) != nil {
		return nil
	}
	return refunds
}

// returned names the goods of a refund.
func returned(r contracts.Refund, lines []contracts.Line) string {
	var goods []string
	for _, part := range r.Lines {
		for _, l := range lines {
			if l.LineID == part.LineID {
				goods = append(goods, fmt.Sprintf("%s × %s", number(part.Quantity), l.Name))
			}
		}
	}
	return strings.Join(goods, ", ")
}
