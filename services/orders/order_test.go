package orders

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// full is an order with every field set.
func full(t *testing.T) *contracts.Order {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "contracts", "examples", "order.create.json"))
	require.NoError(t, err)
	var o contracts.Order
	require.NoError(t, strictjson.Decode(data, &o))
	WithDefaults(&o, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	o.Status, o.CancelReason, o.CancelledAt = contracts.StatusCancelled, "staff", o.PlacedAt.Add(time.Hour)
	o.Tracking = []contracts.Tracking{{Carrier: "post", Number: "1", URL: "https://post.example/1"}}
	o.Refunds = []contracts.Refund{{
		ID: o.ID, AmountMinor: 100, Reason: "broken", At: o.PlacedAt.Add(time.Hour), Lines: []contracts.RefundLine{{LineID: o.Lines[0].LineID, Quantity: 1}},
	}}
	o.InternalNote, o.ExternalRef, o.Customer.Company = "n", "r", "c"
	o.Complete()
	require.Nil(t, o.Validate())
	return &o
}

// TestEveryFieldIsInTheFingerprint changes each field in turn, however deep, by reflection, so that a
// field that is added to an order and forgotten in the fingerprint is found.
func TestEveryFieldIsInTheFingerprint(t *testing.T) {
	derived := []string{"Totals", "TotalMinor"}
	before := Fingerprint(full(t))
	changed := 0
	var walk func(path string, get func(o *contracts.Order) reflect.Value)
	walk = func(path string, get func(o *contracts.Order) reflect.Value) {
		o := full(t)
		v := get(o)
		switch {
		case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
			for i := range v.NumField() {
				name := v.Type().Field(i).Name
				if slices.Contains(derived, name) {
					continue
				}
				walk(path+"."+name, func(o *contracts.Order) reflect.Value { return get(o).Field(i) })
			}
			return
		case v.Kind() == reflect.Pointer:
			require.False(t, v.IsNil(), path)
			walk(path, func(o *contracts.Order) reflect.Value { return get(o).Elem() })
			v.SetZero()
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
			walk(path+"[0]", func(o *contracts.Order) reflect.Value { return get(o).Index(0) })
			v.Set(v.Slice(1, v.Len()))
		case v.Kind() == reflect.Slice:
			v.Set(v.Slice(1, v.Len()))
		case v.Kind() == reflect.Map:
			v.SetMapIndex(v.MapKeys()[0], reflect.ValueOf("changed"))
		case v.Kind() == reflect.String:
			v.SetString(v.String() + "x")
		case v.Kind() == reflect.Int64:
			v.SetInt(v.Int() + 1)
		case v.Kind() == reflect.Bool:
			v.SetBool(!v.Bool())
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Microsecond)))
		default:
			t.Fatalf("%s: a kind of field that this test does not know: %s", path, v.Kind())
		}
		changed++
		require.NotEqual(t, before, Fingerprint(o), "%s is not in the fingerprint", path)
	}
	walk("", func(o *contracts.Order) reflect.Value { return reflect.ValueOf(o).Elem() })
	require.Greater(t, changed, 50)
}

func TestFingerprintKnowsMeaningNotForm(t *testing.T) {
	a, b := full(t), full(t)
	b.ID = a.ID
	for i := range b.Lines {
		b.Lines[i].LineID = a.Lines[i].LineID
	}
	b.Tags = []string{"gift", "autumn-sale"}
	b.PlacedAt = b.PlacedAt.In(time.FixedZone("somewhere", 3600))
	b.Refunds[0].ID, b.Refunds[0].Lines[0].LineID = a.Refunds[0].ID, a.Lines[0].LineID
	b.Totals = nil
	require.Equal(t, Fingerprint(a), Fingerprint(b))
	b.Lines[0], b.Lines[1] = b.Lines[1], b.Lines[0]
	require.NotEqual(t, Fingerprint(a), Fingerprint(b), "the order of lines is content")
}

// TestAnOrderWithoutRefundsKeepsItsFingerprint holds a fingerprint that was computed before orders had refunds:
// two program versions must agree about every order that has none.
func TestAnOrderWithoutRefundsKeepsItsFingerprint(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "contracts", "examples", "order.view.json"))
	require.NoError(t, err)
	var v contracts.OrderView
	require.NoError(t, strictjson.Decode(data, &v))
	const before = "fp1:056414fd951f917ca04d5d3dbc0ff28bf4c3588c83d57ab892592acaf420e9af"
	require.Equal(t, before, Fingerprint(&v.Order))
	v.Refunds = []contracts.Refund{}
	require.Equal(t, before, Fingerprint(&v.Order), "an empty list is no refunds")
}

func BenchmarkFingerprint(b *testing.B) {
	var o contracts.Order
	data, err := os.ReadFile(filepath.Join("..", "..", "contracts", "examples", "order.create.json"))
	require.NoError(b, err)
	require.NoError(b, strictjson.Decode(data, &o))
	for b.Loop() {
		Fingerprint(&o)
	}
}
