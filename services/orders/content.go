package orders

import (
	"fmt"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// prepare checks an order at the door and makes it ready to store.
func prepare(o *contracts.Order) (fingerprint string, content *Content, err error) {
	if errs := o.Validate(); errs != nil {
		return "", nil, &Error{Kind: Invalid, Message: "the order is not valid", Fields: errs}
	}
	o.Complete()
	content, err = NewContent(o)
	if err != nil {
		return "", nil, err
	}
	return Fingerprint(o), content, nil
}

// NewContent makes a valid, completed order ready to store. An order that is too large as JSON is
// Invalid, so that it can always travel in a batch of its own.
func NewContent(o *contracts.Order) (*Content, error) {
	body, err := strictjson.Encode(o)
	if err != nil {
		return nil, fmt.Errorf("encode order %s: %w", o.ID, err)
	}
	if len(body) > contracts.OrderBytesMax {
		return nil, Errorf(Invalid, "the order is larger than %d bytes as compact JSON with its totals", contracts.OrderBytesMax)
	}
	c := &o.Customer
	return &Content{
		Body: body, OrderNumber: o.OrderNumber, Status: string(o.Status),
		Words: Fold(strings.Join([]string{c.Name, c.Company, c.Email, c.Ref}, " ")), PlacedAt: o.PlacedAt, ExternalRef: o.ExternalRef,
	}, nil
}

// decodeStored reads a content that this side stored.
func decodeStored(body []byte) (*contracts.Order, error) {
	var o contracts.Order
	if err := strictjson.Decode(body, &o); err != nil {
		// Not wrapped: what is wrong with what we stored is not the caller's fault.
		return nil, fmt.Errorf("read stored order: %v", err)
	}
	return &o, nil
}

// decodeKept reads a content of the other side that was kept beside a link. It may not be one that
// this side accepts: then the reason is returned.
func decodeKept(body []byte) (o *contracts.Order, refusal string) {
	o = new(contracts.Order)
	if err := strictjson.Decode(body, o); err != nil {
		return nil, err.Error()
	}
	if errs := o.Validate(); errs != nil {
		return o, RefusalText(errs)
	}
	return o, ""
}

// RefusalText puts the faults of a content into one reason.
func RefusalText(errs []contracts.FieldError) string {
	p := contracts.Problem{Title: "this side refuses the content", Errors: errs}
	text := p.Error()
	if len(text) > contracts.ReasonLengthMax {
		text = strings.ToValidUTF8(text[:contracts.ReasonLengthMax], "")
	}
	return text
}
