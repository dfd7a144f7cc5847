package orders

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// FingerprintMismatch is why a content is refused that is not what its fingerprint says.
const FingerprintMismatch = "the fingerprint does not fit the content; the sides may have different versions of the contract"

// prepare is the one door for content: it checks an order, completes it, and makes it ready to store. Canonical
// is what the order was read from where that is how strictjson.Encode writes it, and nil otherwise: it is stored as it
// came. An order that breaks a rule is Invalid, and so is one that is too large as JSON, so that it can always travel
// in a batch of its own.
func prepare(o *contracts.Order, canonical []byte) (*Content, error) {
	if errs := o.Validate(); errs != nil {
		return nil, &Error{Kind: Invalid, Message: "the order is not valid", Fields: errs}
	}
	if !o.IsComplete() {
		canonical = nil
	}
	o.Complete()
	body, err := encoded(o, canonical)
	if err != nil {
		return nil, err
	}
	c := &o.Customer
	return &Content{
		Body: body, Fingerprint: Fingerprint(o), OrderNumber: o.OrderNumber, Status: string(o.Status),
		Words: Fold(strings.Join([]string{c.Name, c.Company, c.Email, c.Ref}, " ")), PlacedAt: o.PlacedAt, ExternalRef: o.ExternalRef,
	}, nil
}

// encoded is an order as it is stored: what it was read from, if that is canonical.
func encoded(o *contracts.Order, canonical []byte) (body []byte, err error) {
	if body = canonical; body == nil {
		if body, err = strictjson.Encode(o); err != nil {
			return nil, fmt.Errorf("encode order %s: %w", o.ID, err)
		}
	}
	if len(body) > contracts.OrderBytesMax {
		return nil, Errorf(Invalid, "the order is larger than %d bytes as compact JSON with its totals", contracts.OrderBytesMax)
	}
	return body, nil
}

// TakeContent makes a peer's content ready to store, which has to have the fingerprint that the peer says; canonical
// is as for prepare. Refused content comes back as it is kept beside the link, with the reason; content that is too
// large to keep comes back without.
func TakeContent(o *contracts.Order, canonical []byte, fingerprint string) (content *Content, kept []byte, refusal string) {
	content, err := prepare(o, canonical)
	var broken *Error
	switch {
	case err == nil && content.Fingerprint == fingerprint:
		return content, content.Body, ""
	case err == nil:
		return nil, content.Body, FingerprintMismatch
	case errors.As(err, &broken) && broken.Fields != nil:
		refusal = RefusalText(broken.Fields)
		if kept, err = encoded(o, canonical); err == nil {
			return nil, kept, refusal
		}
	}
	return nil, nil, err.Error()
}

// decodeOrder reads an order. Canonical is body where that is how strictjson.Encode writes the order, and nil
// otherwise.
func decodeOrder(body []byte) (o *contracts.Order, canonical []byte, err error) {
	o = new(contracts.Order)
	if strictjson.DecodeCanonical(body, o) {
		return o, body, nil
	}
	*o = contracts.Order{}
	return o, nil, strictjson.Decode(body, o)
}

// decodeStored reads a content that this side stored.
func decodeStored(body []byte) (*contracts.Order, error) {
	o, _, err := decodeOrder(body)
	if err != nil {
		// Not wrapped: what is wrong with what we stored is not the caller's fault.
		return nil, fmt.Errorf("read stored order: %v", err)
	}
	return o, nil
}

// decodeKept reads a content of the other side that was kept beside a link, which this side may refuse; nil when it
// cannot be read at all.
func decodeKept(body []byte) *contracts.Order {
	o, _, err := decodeOrder(body)
	if err != nil {
		return nil
	}
	return o
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
