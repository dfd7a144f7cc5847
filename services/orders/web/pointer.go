package web

import (
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// fieldNames are the fields of an order in words.
var fieldNames = map[string]string{
	"orderNumber": "order number", "externalRef": "external number", "source": "source", "status": "status", "paymentStatus": "payment",
	"fulfillmentStatus": "goods", "cancelReason": "reason of the cancellation", "cancelledAt": "cancelled at", "currency": "currency",
	"pricesIncludeTax": "prices include tax", "customer": "customer", "billingAddress": "billing address", "shippingAddress": "shipping address",
	"shippingMinor": "shipping", "shippingMethod": "shipping method", "paymentMethod": "payment method", "tracking": "parcel", "placedAt": "placed at",
	"promisedOn": "promised for", "customerNote": "customer note", "internalNote": "internal note", "tags": "tag", "metadata": "metadata",
	"ref": "number", "name": "name", "email": "e-mail", "phone": "phone", "company": "company", "locale": "language",
	"line1": "address, first line", "line2": "address, second line", "city": "city", "region": "region", "postalCode": "postal code", "country": "country",
	"lines": "line", "refunds": "refund", "amountMinor": "amount", "reason": "reason", "at": "at", "lineId": "id", "sku": "article", "quantity": "quantity", "unitPriceMinor": "unit price", "discountMinor": "discount",
	"taxRatePpm": "tax rate", "taxMinor": "tax", "carrier": "carrier", "number": "number", "url": "web address",
}

// pointerWords says in words what a JSON pointer into an order stands for.
func pointerWords(pointer string) string {
	if pointer == "" {
		return "the order as a whole"
	}
	parts := contracts.PointerTokens(pointer)
	var out []string
	for i, part := range parts {
		name, known := fieldNames[part]
		switch {
		case i == 1 && (parts[0] == "lines" || parts[0] == "refunds"):
			continue // an id says nothing to a person; who shows a line names it
		case i == 1 && (parts[0] == "tags" || parts[0] == "metadata" || parts[0] == "tracking"), !known:
			name = part
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}
