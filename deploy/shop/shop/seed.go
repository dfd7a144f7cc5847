package shop

import (
	"fmt"
	"time"
)

// goods are the catalogue of a shop that has no other.
var goods = []Product{
	{11, "LMP-DESK-01", "Desk lamp, brass", "54.54"},
	{12, "CHR-OAK-BLK", "Chair, black oak", "158.82"},
	{13, "TBL-FOLD-120", "Folding table 120 × 60", "209.66"},
	{14, "MUG-STN-SET4", "Stoneware mugs, set of 4", "33.57"},
	{15, "RUG-WOOL-L", "Wool rug, large", "268.91"},
	{16, "SHF-WALL-80", "Wall shelf 80 cm", "37.61"},
	{17, "KTL-GOOSE", "Gooseneck kettle", "67.14"},
	{18, "PLT-FIG-M", "Fiddle-leaf fig, 80 cm", "45.80"},
	{19, "BLK-LINEN-Q", "Linen blanket, queen", "94.12"},
	{20, "CLK-WALL-30", "Wall clock “Nord”", "41.18"},
}

// buyers are nobody real.
var buyers = []Address{
	{FirstName: "Änne", LastName: "Köhler", Address1: "Gärtnerstraße 14", City: "Berlin", Postcode: "10245", Country: "DE", Email: "aenne.koehler@example.com", Phone: "+493012345601"},
	{FirstName: "Chloé", LastName: "Marchand", Address1: "12 rue de l’Église", City: "Paris", Postcode: "75015", Country: "FR", Email: "chloe.marchand@example.com", Phone: "+33142345603"},
	{FirstName: "Jonas", LastName: "Weiß", Company: "Weiß Werkstatt GmbH", Address1: "Lindwurmstraße 88a", City: "München", State: "DE-BY", Postcode: "80337", Country: "DE", Email: "jonas@weiss-werkstatt.example", Phone: "+498912345602"},
	{FirstName: "Zofia", LastName: "Wójcik", Address1: "ul. Złota 44", Address2: "m. 7", City: "Warszawa", Postcode: "00-120", Country: "PL", Email: "zofia.wojcik@example.com", Phone: "+48221234607"},
	{FirstName: "Maya", LastName: "Thompson", Address1: "410 W 24th St", Address2: "Apt 9C", City: "New York", State: "NY", Postcode: "10011", Country: "US", Email: "maya.thompson@example.com", Phone: "+12125550101"},
	{FirstName: "由美", LastName: "高橋", Address1: "神南1丁目19-11", City: "渋谷区", State: "JP13", Postcode: "150-0041", Country: "JP", Email: "yumi.takahashi@example.com", Phone: "+81312345104"},
}

// Seed makes n orders, the same each time but for their dates, which lie a minute apart and end now. The webhook does
// not notice.
func (s *Shop) Seed(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for i := range n {
		buyer := buyers[i%len(buyers)]
		at := now.Add(-time.Duration(n-i) * time.Minute)
		o := &Order{
			Status: coreStatuses[i%4], Currency: "EUR", CreatedVia: "checkout", PricesIncludeTax: s.opts.PricesIncludeTax, Created: at, Modified: at, Billing: buyer, Shipping: buyer,
			PaymentMethod: "card", PaymentMethodTitle: "Credit card", TransactionID: fmt.Sprintf("ch_%06d", i),
			ShippingLines: []ShippingLine{{MethodID: "flat_rate", MethodTitle: "Parcel", Total: "4.90"}},
		}
		o.Shipping.Email = ""
		if i%3 == 0 {
			o.CustomerNote = "Please ring at the back door."
		}
		for j := range 1 + i%3 {
			p := s.products[(i+3*j)%len(s.products)]
			quantity := int64(1 + (i+j)%2)
			o.Lines = append(o.Lines, Line{Name: p.Name, ProductID: p.ID, SKU: p.SKU, Quantity: quantity, Total: times(p.Price, quantity)})
		}
		s.complete(o)
		s.place(o)
	}
	return s.save()
}
