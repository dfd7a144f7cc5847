package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

// field is one field of a form. Its name is the JSON pointer of what it holds.
type field struct {
	Name, Label, Kind, Value   string
	Hint, Fault, Meanwhile     string
	Options                    []option
	Max                        int
	Required, ReadOnly, Hidden bool // Hidden: the label is for those who do not see
}

type option struct{ Value, Text string }

// ID is the field's id in the page.
func (f field) ID() string { return "f" + strings.ReplaceAll(f.Name, "/", "-") }

// Described is what describes the field to those who do not see: its fault and its hints.
func (f field) Described() string {
	var ids []string
	for suffix, text := range map[string]string{"-fault": f.Fault, "-now": f.Meanwhile, "-hint": f.Hint} {
		if text != "" {
			ids = append(ids, f.ID()+suffix)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

type group struct {
	Title  string
	Open   bool // shown unfolded
	Fields []field
}

type formRow struct {
	Index  int
	ID     string
	Fields []field
	Fault  string
}

// orderForm is the page on which an order is created, edited, or made the outcome of a case.
type orderForm struct {
	New     bool
	ID      string // of the order
	Title   string
	Action  string // where it is sent
	Cancel  string
	Save    string // text of the button
	Version string // the version that was seen, as If-Match
	Base    string // the order that was seen
	Peer    string // of the case, when it is the outcome of one
	Groups  []group
	Lines   []formRow
	Parcels []formRow
	// Refunds carries the refunds along; Given shows them, in Currency.
	Refunds  field
	Given    []contracts.Refund
	Currency string
	Problem  *contracts.Problem
	Rest     []contracts.FieldError // faults of no field
	Stale    bool
	Notes    int // fields changed on both sides
}

// fill lays a sheet out as a form.
func (f *orderForm) fill(s sheet, faults []contracts.FieldError, notes map[string]string, blankLines int) {
	byPointer, shown := map[string]string{}, map[string]bool{}
	for _, e := range faults {
		at := e.Pointer
		for _, list := range []string{"/tags", "/metadata"} { // one field each
			if strings.HasPrefix(at, list+"/") {
				e.Detail, at = strings.TrimPrefix(at, list+"/")+" "+e.Detail, list
			}
		}
		if byPointer[at] != "" {
			e.Detail = byPointer[at] + "; " + e.Detail
		}
		byPointer[at] = e.Detail
	}
	make := func(name, label, kind string, more ...func(*field)) field {
		shown[name] = true
		d := field{Name: name, Label: label, Kind: kind, Value: s.fields[name], Fault: byPointer[name], Meanwhile: notes[name]}
		for _, m := range more {
			m(&d)
		}
		return d
	}
	f.ID, f.Notes = s.fields["/id"], len(notes)
	f.Groups = f.groups(s, make)
	f.Refunds, f.Given, f.Currency = make("/refunds", "Refunds", "hidden"), s.refunds(), s.fields["/currency"]
	for i, r := range withBlank(s.lines, blankLines) {
		f.Lines = append(f.Lines, lineRow(i, r, byPointer, notes, shown))
	}
	blank := 1
	for i, r := range withBlank(s.parcels, blank) {
		f.Parcels = append(f.Parcels, parcelRow(i, r, byPointer, shown))
	}
	for _, e := range faults {
		at := e.Pointer
		if !shown[at] && !strings.HasPrefix(at, "/tags") && !strings.HasPrefix(at, "/metadata") {
			f.Rest = append(f.Rest, e)
		}
	}
	if notes["/tracking"] != "" {
		f.Rest = append(f.Rest, contracts.FieldError{Pointer: "/tracking", Detail: notes["/tracking"]})
	}
	for i := range f.Groups { // what is wrong must be seen
		f.Groups[i].Open = f.Groups[i].Open || slices.ContainsFunc(f.Groups[i].Fields, func(d field) bool { return d.Fault != "" || d.Meanwhile != "" })
	}
}

func withBlank(rows []row, blank int) []row {
	out := slices.Clone(rows)
	for range blank {
		out = append(out, row{fields: map[string]string{}})
	}
	return out
}

func (f *orderForm) groups(s sheet, make func(name, label, kind string, more ...func(*field)) field) []group {
	length := func(n int) func(*field) { return func(d *field) { d.Max = n } }
	required := func(d *field) { d.Required = true }
	fixed := func(d *field) { d.ReadOnly = !f.New }
	hint := func(text string) func(*field) { return func(d *field) { d.Hint = text } }
	from := func(options []option) func(*field) { return func(d *field) { d.Options = options } }
	address := func(at, title string) group {
		g := group{Title: title, Open: s.hasAddress(at), Fields: []field{
			make(at+"/name", "Name", "text", length(contracts.NameLengthMax)),
			make(at+"/company", "Company", "text", length(contracts.NameLengthMax)),
			make(at+"/line1", "Address, first line", "text", length(contracts.AddressLineMax)),
			make(at+"/line2", "Address, second line", "text", length(contracts.AddressLineMax)),
			make(at+"/postalCode", "Postal code", "text", length(contracts.PostalCodeMax)),
			make(at+"/city", "City", "text", length(contracts.AddressLineMax)),
			make(at+"/region", "Region", "text", length(contracts.AddressLineMax)),
			make(at+"/country", "Country", "text", length(2), hint("two letters, such as DE")),
			make(at+"/phone", "Phone", "tel", length(16)),
		}}
		return g
	}
	cancel := append([]option{{"", "not cancelled"}}, optionsOf(contracts.CancelReasons)...)
	return []group{
		{Title: "Order", Open: true, Fields: []field{
			make("/orderNumber", "Order number", "text", length(contracts.OrderNumberMax), required, fixed),
			make("/status", "Status", "select", from(optionsOf(contracts.OrderStatuses))),
			make("/paymentStatus", "Payment", "select", from(optionsOf(contracts.PaymentStatuses))),
			make("/fulfillmentStatus", "Goods", "select", from(optionsOf(contracts.FulfillmentStatuses))),
			make("/currency", "Currency", "text", length(3), required, fixed, hint("three letters, such as EUR")),
			make("/source", "Source", "text", length(contracts.SourceLengthMax), fixed, hint("such as web, pos")),
			make("/placedAt", "Placed at (UTC)", "datetime-local", hint("empty: now")),
			make("/promisedOn", "Promised for", "date"),
			make("/externalRef", "Number elsewhere", "text", length(contracts.ExternalRefMax)),
			make("/paymentMethod", "Paid by", "text", length(contracts.ShortTextMax)),
			make("/shippingMethod", "Sent by", "text", length(contracts.ShortTextMax)),
			make("/shippingMinor", "Shipping, tax included", "amount"),
			make("/pricesIncludeTax", "Prices include tax", "check"),
		}},
		{Title: "Cancellation", Open: s.fields["/status"] == "cancelled", Fields: []field{
			make("/cancelReason", "Reason of the cancellation", "select", from(cancel), hint("counts only with the status Cancelled")),
			make("/cancelledAt", "When (UTC)", "datetime-local", hint("empty: now")),
		}},
		{Title: "Customer", Open: true, Fields: []field{
			make("/customer/name", "Name", "text", length(contracts.NameLengthMax), required),
			make("/customer/email", "E-mail", "email", length(contracts.EmailLengthMax)),
			make("/customer/phone", "Phone", "tel", length(16), hint("such as +4930123456")),
			make("/customer/company", "Company", "text", length(contracts.NameLengthMax)),
			make("/customer/ref", "Customer number", "text", length(contracts.ExternalRefMax)),
			make("/customer/locale", "Language", "text", length(contracts.LocaleLengthMax), hint("such as de-DE")),
		}},
		address("/shippingAddress", "Shipping address"),
		address("/billingAddress", "Billing address"),
		{Title: "Notes and tags", Open: true, Fields: []field{
			make("/customerNote", "The customer's note", "area", length(contracts.NoteLengthMax)),
			make("/internalNote", "Our note", "area", length(contracts.NoteLengthMax)),
			make("/tags", "Tags", "area", hint("one a line")),
			make("/metadata", "Metadata", "area", hint("one a line, such as channel = shop")),
		}},
	}
}

func optionsOf[T ~string](list []T) []option {
	out := make([]option, len(list))
	for i, v := range list {
		out[i] = option{string(v), words(string(v))}
	}
	return out
}

var lineLabels = []struct {
	label, kind string
	max         int
}{{"Article", "text", contracts.ShortTextMax}, {"Name", "text", contracts.NameLengthMax}, {"Quantity", "number", 0}, {"Unit price", "amount", 0}, {"Discount", "amount", 0}, {"Tax rate %", "amount", 0}, {"Tax", "amount", 0}}

func lineRow(i int, r row, faults, notes map[string]string, shown map[string]bool) formRow {
	at := "/lines/" + strconv.Itoa(i)
	out := formRow{Index: i, ID: r.id, Fault: faults[at]}
	shown[at] = true
	for j, name := range lineFields {
		p := at + "/" + name
		shown[p] = true
		out.Fields = append(out.Fields, field{
			Name: p, Label: lineLabels[j].label, Kind: lineLabels[j].kind, Max: lineLabels[j].max, Value: r.fields[name], Fault: faults[p], Meanwhile: notes[p], Hidden: true,
		})
	}
	for _, derived := range []string{"lineId", "totalMinor"} { // faults of what is not in the form
		p := at + "/" + derived
		shown[p] = true
		if faults[p] != "" {
			out.Fault = strings.TrimPrefix(out.Fault+"; "+words(derived)+" "+faults[p], "; ")
		}
	}
	return out
}

func parcelRow(i int, r row, faults map[string]string, shown map[string]bool) formRow {
	at := "/tracking/" + strconv.Itoa(i)
	out := formRow{Index: i, ID: r.id, Fault: faults[at]}
	shown[at] = true
	labels := []string{"Carrier", "Parcel number", "Web address"}
	limits := []int{contracts.ShortTextMax, contracts.ShortTextMax, contracts.TrackingURLMax}
	for j, name := range parcelFields {
		p := fmt.Sprintf("%s/%s", at, name)
		shown[p] = true
		out.Fields = append(out.Fields, field{Name: p, Label: labels[j], Kind: "text", Max: limits[j], Value: r.fields[name], Fault: faults[p], Hidden: true})
	}
	return out
}
