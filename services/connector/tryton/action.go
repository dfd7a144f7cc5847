package tryton

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// action is a button of a sale. In other states than those of from it does nothing, and succeeds.
type action struct {
	from []string
	to   []string // the first one is where the button leads, the others where Tryton goes on by itself
}

var actions = map[string]action{
	"quote":   {from: []string{"draft"}, to: []string{"quotation"}},
	"confirm": {from: []string{"quotation"}, to: []string{"confirmed", "processing", "done"}},
	"process": {from: []string{"confirmed", "processing"}, to: []string{"processing", "done"}},
	"cancel":  {from: []string{"draft", "quotation"}, to: []string{"cancelled"}},
	"draft":   {from: []string{"quotation", "confirmed", "cancelled"}, to: []string{"draft"}},
	"delete":  {from: []string{"draft", "quotation", "cancelled"}, to: []string{gone}},
}

// gone is where a sale is that was deleted.
const gone = "deleted"

// each takes apart actions that are one way, such as quote,confirm.
func each(actions []string) (all []string) {
	for _, one := range actions {
		all = append(all, strings.Split(one, ",")...)
	}
	return all
}

// agreed are the members of a document that Tryton's client lets nobody edit once the sale is confirmed.
var agreed = []string{"currency", "party", "invoice_address", "shipment_address", "lines", "sale_date", "description"}

// possible refuses an edit that the server would take and not do, or do with one part of the sale and not with another.
func possible(state string, was object, edit *foreign.Edit) error {
	if state != "draft" && state != "quotation" {
		for _, name := range agreed {
			if _, ok := edit.Body[name]; ok {
				return foreign.Refused(fieldOf(edit), "Tryton: the sale is %s, so its %s is settled", state, name)
			}
		}
	}
	for _, line := range objects(edit.Body, "lines") {
		if line["removed"] == true && state != "draft" {
			return foreign.Refused("/lines", "Tryton: the sale is %s, so its lines cannot be deleted", state)
		}
	}
	after := merged(was, edit.Body)
	for _, name := range each(edit.Actions) {
		a, ok := actions[name]
		switch {
		case !ok:
			return foreign.Refused("/status", "Tryton: a sale has no action %s", name)
		case !slices.Contains(a.from, state):
			return foreign.Refused("/status", "Tryton: a sale that is %s does not take the action %s", state, name)
		case name == "quote" && (after["invoice_address"] == nil || after["shipment_address"] == nil):
			return foreign.Refused("/status", "Tryton: a quotation needs an invoice address and a delivery address")
		}
		state = a.to[0]
	}
	return nil
}

// fieldOf is the one field that an edit is about; empty when it is about several.
func fieldOf(edit *foreign.Edit) string {
	if len(edit.Fields) == 1 {
		return edit.Fields[0]
	}
	return ""
}

// act presses buttons, the first one on the condition that the records are as they were read, and looks what became of
// each.
func (s *System) act(ctx context.Context, id int64, state string, names []string, read times) error {
	for i, name := range each(names) {
		a := actions[name]
		if slices.Contains(a.to[1:], state) && i > 0 { // the action before went on to here
			continue
		}
		extra := object{}
		if read != nil {
			extra["_timestamp"] = read
		}
		if err := s.client.call(ctx, nil, extra, "model.sale.sale."+name, []int64{id}); err != nil {
			return actionFailed(i, err)
		}
		sale, err := s.sale(ctx, strconv.FormatInt(id, 10), append([]string{"state"}, timeFields...))
		if errors.Is(err, foreign.ErrGone) && slices.Contains(a.to, gone) {
			return nil
		}
		if err != nil {
			return actionFailed(1, err)
		}
		if state, read = text(sale, "state"), timesOf(sale); !slices.Contains(a.to, state) {
			return actionFailed(i, foreign.Refused("/status", "Tryton did not %s the sale, which is %s", name, state))
		}
	}
	return nil
}

// actionFailed is the error of an action, of which the kind counts only when no action came before.
func actionFailed(before int, err error) error {
	if before > 0 {
		return halfDone(err)
	}
	return err
}
