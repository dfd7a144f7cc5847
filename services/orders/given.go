package orders

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// givenEmpty refuses an order that gives an empty value for a field that is filled in when it is absent. The
// value is the client's: to fill it in would replace what was sent.
func givenEmpty(body []byte) error {
	type withID struct {
		ID     *string `json:"id"`
		LineID *string `json:"lineId"`
	}
	var given struct {
		withID
		Source            *string  `json:"source"`
		Status            *string  `json:"status"`
		PaymentStatus     *string  `json:"paymentStatus"`
		FulfillmentStatus *string  `json:"fulfillmentStatus"`
		PlacedAt          *string  `json:"placedAt"` // a time.Time would not take escapes in it
		CancelledAt       *string  `json:"cancelledAt"`
		Lines             []withID `json:"lines"`
		Refunds           []withID `json:"refunds"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return fmt.Errorf("read an order again: %w", err)
	}
	var faults []contracts.FieldError
	text := func(pointer string, v *string) {
		if v != nil && *v == "" {
			faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: "must not be empty; leave it out to have it filled in"})
		}
	}
	at := func(pointer string, v *string) {
		if v == nil {
			return
		}
		if t, err := time.Parse(time.RFC3339, *v); err != nil || t.IsZero() {
			faults = append(faults, contracts.FieldError{Pointer: pointer, Detail: fmt.Sprintf("must be in the years %d to %d, in UTC", contracts.YearMin, contracts.YearMax)})
		}
	}
	text("/id", given.ID)
	text("/source", given.Source)
	text("/status", given.Status)
	text("/paymentStatus", given.PaymentStatus)
	text("/fulfillmentStatus", given.FulfillmentStatus)
	at("/placedAt", given.PlacedAt)
	at("/cancelledAt", given.CancelledAt)
	for i, l := range given.Lines {
		text(fmt.Sprintf("/lines/%d/lineId", i), l.LineID)
	}
	for i, r := range given.Refunds {
		text(fmt.Sprintf("/refunds/%d/id", i), r.ID)
	}
	if faults != nil {
		return &Error{Kind: Invalid, Message: "the order is not valid", Fields: faults}
	}
	return nil
}
