package orders

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
)

// Namesake is another order that has an order's number and is not deleted. A side with unique numbers refuses what
// someone here would create beside it. What comes from a peer is never refused for its number: both sides may have
// given the same one before they met, and then people have to see both.
type Namesake struct {
	Number string
	ID     uuid.UUID // as the store found it; zero when there is none
}

// namesake asks for a namesake of an order with a number, if numbers are unique here.
func (s *Service) namesake(number string) *Namesake {
	if !s.unique {
		return nil
	}
	return &Namesake{Number: number}
}

func (n *Namesake) check() error {
	if n == nil || n.ID == uuid.Nil {
		return nil
	}
	return &Error{
		Kind: Exists, Message: fmt.Sprintf("order %s has this order number", n.ID),
		Fields: []contracts.FieldError{{Pointer: "/orderNumber", Detail: "is the number of another order"}},
	}
}
