//go:build linux

package demo

import "github.com/orderbridge/orderbridge/contracts"

// shop is what the two sides' orders differ in: a is a web shop in Europe, b has stores and
// marketplaces overseas.
type shop struct {
	people   []person
	sources  []string
	payments []string
	carriers []string
	channels []string
}

// person is somebody who orders; nobody real.
type person struct {
	name, email, phone, company, locale       string
	street, city, region, postalCode, country string
}

// country is what the prices of an order depend on.
type country struct {
	currency    string
	perEuroCent int64 // minor units of the currency for a euro, roughly
	taxPPM      int64
	taxIncluded bool
}

var countries = map[string]country{
	"DE": {"EUR", 100, 190_000, true},
	"FR": {"EUR", 100, 200_000, true},
	"NL": {"EUR", 100, 210_000, true},
	"CH": {"CHF", 94, 81_000, true},
	"PL": {"PLN", 430, 230_000, true},
	"SE": {"SEK", 1140, 250_000, true},
	"GB": {"GBP", 86, 200_000, true},
	"US": {"USD", 108, 72_500, false},
	"CA": {"CAD", 148, 130_000, false},
	"JP": {"JPY", 164, 100_000, true}, // has no minor unit: these are yen
	"AU": {"AUD", 165, 100_000, true},
}

var shops = map[string]shop{
	"a": {
		people: []person{
			{"Änne Köhler", "aenne.koehler@example.com", "+493012345601", "", "de-DE", "Gärtnerstraße 14", "Berlin", "", "10245", "DE"},
			{"Jonas Weiß", "jonas@weiss-werkstatt.example", "+498912345602", "Weiß Werkstatt GmbH", "de-DE", "Lindwurmstraße 88a", "München", "Bayern", "80337", "DE"},
			{"Chloé Marchand", "chloe.marchand@example.com", "+33142345603", "", "fr-FR", "12 rue de l’Église", "Paris", "", "75015", "FR"},
			{"Hugo Lefèvre", "hugo@lefevre-et-fils.example", "+33472345604", "Lefèvre & Fils", "fr-FR", "3 quai Saint-Antoine", "Lyon", "", "69002", "FR"},
			{"Sanne de Vries", "sanne.devries@example.com", "+31201234605", "", "nl-NL", "Prinsengracht 263-B", "Amsterdam", "", "1016 GV", "NL"},
			{"Reto Bühler", "reto.buehler@example.com", "+41441234606", "", "de-CH", "Langstrasse 120", "Zürich", "ZH", "8004", "CH"},
			{"Zofia Wójcik", "zofia.wojcik@example.com", "+48221234607", "", "pl-PL", "ul. Złota 44/7", "Warszawa", "", "00-120", "PL"},
			{"Nils Åkerlund", "nils@akerlund.example", "+46812345608", "Åkerlund Möbler AB", "sv-SE", "Götgatan 31", "Stockholm", "", "116 21", "SE"},
		},
		sources:  []string{"web", "web", "web", "import"},
		payments: []string{"card", "sepa", "paypal", "invoice"},
		carriers: []string{"DHL", "DPD", "PostNL", "Chronopost"},
		channels: []string{"shop", "newsletter", "app"},
	},
	"b": {
		people: []person{
			{"Maya Thompson", "maya.thompson@example.com", "+12125550101", "", "en-US", "410 W 24th St Apt 9C", "New York", "NY", "10011", "US"},
			{"Diego Ramírez", "diego@ramirezsupply.example", "+17135550102", "Ramírez Supply LLC", "es-US", "2200 Navigation Blvd", "Houston", "TX", "77003", "US"},
			{"Olivia Tremblay", "olivia.tremblay@example.com", "+15145550103", "", "fr-CA", "5150 rue Saint-Denis", "Montréal", "QC", "H2J 2M1", "CA"},
			{"高橋 由美", "yumi.takahashi@example.com", "+81312345104", "", "ja-JP", "神南1丁目19-11", "渋谷区", "東京都", "150-0041", "JP"},
			{"Aisha O’Connor", "aisha.oconnor@example.com", "+442079460105", "", "en-GB", "27b Roman Road", "London", "", "E2 0HU", "GB"},
			{"Callum MacLeod", "callum@harbourtools.example", "+441314960106", "Harbour Tools Ltd", "en-GB", "8 Commercial Quay", "Edinburgh", "", "EH6 6LX", "GB"},
			{"Ruby Nguyen", "ruby.nguyen@example.com", "+61385550107", "", "en-AU", "301 Victoria St", "Abbotsford", "VIC", "3067", "AU"},
		},
		sources:  []string{"pos", "web", "api", "import"},
		payments: []string{"card", "cash", "wallet", "net30"},
		carriers: []string{"UPS", "FedEx", "Royal Mail", "Yamato"},
		channels: []string{"store", "marketplace", "phone"},
	},
}

// goods are sold on both sides.
var goods = []struct {
	sku, name string
	euroCents int64
}{
	{"LMP-DESK-01", "Desk lamp, brass", 6_490},
	{"CHR-OAK-BLK", "Chair, black oak", 18_900},
	{"TBL-FOLD-120", "Folding table 120 × 60", 24_950},
	{"MUG-STN-SET4", "Stoneware mugs, set of 4", 3_995},
	{"RUG-WOOL-L", "Wool rug, large", 32_000},
	{"SHF-WALL-80", "Wall shelf 80 cm", 4_475},
	{"KTL-GOOSE", "Gooseneck kettle", 7_990},
	{"PLT-FIG-M", "Fiddle-leaf fig, 80 cm", 5_450},
	{"BLK-LINEN-Q", "Linen blanket, queen", 11_200},
	{"CLK-WALL-30", "Wall clock “Nord”", 4_900},
	{"FRM-A3-ASH", "Picture frame A3, ash", 2_790},
	{"SVC-ASSEMBLY", "Assembly at home", 4_500},
}

// stage is a point in an order's life at which its three statuses fit together.
type stage struct {
	status      contracts.OrderStatus
	payment     contracts.PaymentStatus
	fulfillment contracts.FulfillmentStatus
}

// stages is drawn from, so what is common is there more than once.
var stages = []stage{
	{contracts.StatusDraft, contracts.PaymentUnpaid, contracts.FulfillmentUnfulfilled},
	{contracts.StatusPending, contracts.PaymentUnpaid, contracts.FulfillmentUnfulfilled},
	{contracts.StatusPending, contracts.PaymentAuthorized, contracts.FulfillmentUnfulfilled},
	{contracts.StatusConfirmed, contracts.PaymentPaid, contracts.FulfillmentUnfulfilled},
	{contracts.StatusConfirmed, contracts.PaymentAuthorized, contracts.FulfillmentUnfulfilled},
	{contracts.StatusProcessing, contracts.PaymentPaid, contracts.FulfillmentUnfulfilled},
	{contracts.StatusProcessing, contracts.PaymentPaid, contracts.FulfillmentPartial},
	{contracts.StatusOnHold, contracts.PaymentPartiallyPaid, contracts.FulfillmentUnfulfilled},
	{contracts.StatusCompleted, contracts.PaymentPaid, contracts.FulfillmentFulfilled},
	{contracts.StatusCompleted, contracts.PaymentPaid, contracts.FulfillmentFulfilled},
	{contracts.StatusCompleted, contracts.PaymentPartiallyRefunded, contracts.FulfillmentReturned},
	{contracts.StatusCancelled, contracts.PaymentVoided, contracts.FulfillmentUnfulfilled},
}

var (
	customerNotes = []string{
		"Please ring at the back door.", "Bitte beim Nachbarn abgeben, falls niemand da ist.",
		"Merci de ne pas livrer le lundi.", "It is a present: no invoice in the box, please.", "不在の場合は宅配ボックスへ",
	}
	internalNotes = []string{"called twice, no answer", "address checked with the customer", "wait for the second parcel", "discount agreed by sales"}
	refundReasons = []string{"arrived broken", "wrong size", "sent back unused"}
	tags          = []string{"vip", "priority", "fragile", "b2b", "first-order"}
	campaigns     = []string{"autumn-26", "black-week", "welcome-10", "advent"}
)
