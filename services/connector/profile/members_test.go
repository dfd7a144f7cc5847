package profile

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

var placed = time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)

// whole has a value in every field that an order can have.
func whole(t *testing.T) *contracts.Order {
	t.Helper()
	o := new(contracts.Order)
	fill(reflect.ValueOf(o).Elem())
	o.ID, o.Lines[0].LineID = sampleID.String(), sampleID.String()
	o.Status, o.PaymentStatus, o.FulfillmentStatus = contracts.StatusCancelled, contracts.PaymentPaid, contracts.FulfillmentPartial
	o.CancelReason, o.Currency, o.PromisedOn, o.Customer.Locale = contracts.CancelReasons[0], "EUR", "2026-02-28", "de"
	o.Customer.Email, o.Customer.Phone = "a@example.com", "+49301234567"
	for _, a := range []*contracts.Address{o.BillingAddress, o.ShippingAddress} {
		a.Country, a.Phone = "DE", "+49301234567"
	}
	o.Source, o.Tracking[0].URL = "web", "https://example.com/"
	o.Lines[0].DiscountMinor, o.Lines[0].TotalMinor, o.Totals = 1, nil, nil
	o.Refunds[0] = contracts.Refund{ID: sampleID.String(), AmountMinor: 1, At: o.PlacedAt}
	o.Complete()
	require.Empty(t, o.Validate())
	return o
}

// fill gives every field a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("7")
	case reflect.Int64:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key": "value"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeOf(placed) {
			v.Set(reflect.ValueOf(placed))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

func TestNoFieldIsLostOnTheWay(t *testing.T) {
	o := whole(t)
	c := contentOf(o)
	back, faults, err := c.order()
	require.NoError(t, err)
	require.Empty(t, faults)
	require.Equal(t, o, back)

	for name := range orderFields {
		require.NotNil(t, c.get(name), "the field %s", name)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(addressMembers)), addressFields)
	require.ElementsMatch(t, slices.Collect(maps.Keys(lineMembers)), append(slices.Clone(lineOrder), lineIDKey))
}

func TestNothingIsSharedWithTheOrderBefore(t *testing.T) {
	o := whole(t)
	for _, address := range []string{"billingAddress", "shippingAddress"} { // as a whole
		c := contentOf(o)
		for name := range addressMembers {
			delete(c, address+"."+name)
		}
		back, _, err := c.order()
		require.NoError(t, err)
		require.Equal(t, o, back)
		(*addresses[address](back)).City = "another"
		back.Refunds[0].Reason, back.Tracking[0].Number, back.Metadata["key"], back.Tags[0] = "another", "another", "another", "another"
		require.Equal(t, whole(t), o)
	}
}

func TestAnAddressIsItsMembers(t *testing.T) {
	c := contentOf(whole(t))
	c.set("billingAddress.city", "Berlin")
	back, _, err := c.order()
	require.NoError(t, err)
	require.Equal(t, "Berlin", back.BillingAddress.City)
	require.True(t, c.drop("billingAddress"))
	require.False(t, c.drop("billingAddress"))
	back, _, err = c.order()
	require.NoError(t, err)
	require.Nil(t, back.BillingAddress)
	require.NotNil(t, back.ShippingAddress)
}

func TestAValueOfAnotherKindIsNoOrder(t *testing.T) {
	for name := range orderFields {
		c := contentOf(whole(t))
		for member := range addressMembers {
			delete(c, name+"."+member)
		}
		c[name] = 7
		_, _, err := c.order()
		require.ErrorIs(t, err, errOtherKind, name)
	}
}
