package shop

import (
	"net/http"
	"time"
)

// Options says what kind of shop it is. The zero value is a well-behaved shop in UTC that accepts every caller.
type Options struct {
	Key, Secret string         // of Basic authentication; no key: everybody may call
	Name        string         // of the shop, on its pages and in its index; empty: Simulated shop
	Zone        *time.Location // of the times that have no _gmt in their name; nil: UTC
	Now         func() time.Time
	File        string // the orders are stored here and read from here; empty: in memory only
	OpenPages   bool   // pages answer everybody, and not only callers of this machine

	Products         []Product        // the catalogue; nil: some goods, and whatever SKU is asked for becomes one more
	Statuses         []string         // further statuses, as plugins register them
	PricesIncludeTax bool             // shown by new orders; amounts of lines are net all the same
	TaxPPM           map[string]int64 // parts per million by country, "" for all others; no entry: no tax
	Decimals         int              // of all amounts, whatever the currency; 0: as many as the currency has

	Nasty
}

// Nasty says what the shop does that its documentation does not. The zero value is nothing.
type Nasty struct {
	Latency time.Duration // of each call

	Drift          bool // before each later page is listed, the order that was modified longest ago is touched
	Duplicates     bool // each later page begins with the last order of the page before
	RepeatLastPage bool // pages beyond the end are the last page again
	Unsorted       bool // lists come in no order, but always in the same

	ViewTouches      bool          // a person who looks at an order changes its date_modified
	ReadTouches      bool          // so does a GET of one order
	MetaKeepsDate    bool          // a write of nothing but meta_data leaves date_modified
	ListedAfter      time.Duration // how late a change shows in lists; a GET of one order shows it at once
	RenumberLines    bool          // each write that has lines gives all of them new ids
	RoundLines       string        // amounts of lines become multiples of it, such as 0.05; empty: they stay
	IgnoreStatus     bool          // a status that is written is not taken, and the answer is 200
	Conditional      bool          // entity tags, and 412 for an If-Match that is stale; the real one has none
	SearchMeta       bool          // search finds values of meta_data, as with some plugins
	RefuseTrash      bool          // trash is not a status that can be written, as in some versions
	RateLimit        int           // calls within RateWindow before 429; 0: no limit
	RateWindow       time.Duration // 0: a minute
	RetryAfterAsDate bool          // Retry-After is a date and not a number of seconds

	// Rewrite is what the shop makes of texts whenever an order is saved, by path: billing.city, customer_note,
	// line_items.name. Rewriter has some.
	Rewrite map[string]func(string) string
}

// Product is what the shop sells.
type Product struct {
	ID    int64
	SKU   string
	Name  string
	Price string // for one, without tax
}

// Webhook is where the shop sends what happens, and how badly it does.
type Webhook struct {
	URL, Secret string
	Repeat      int          // how often each event is sent; 0: once
	DropEvery   int          // every nth event is lost; 0: none
	Reorder     bool         // of two events that follow each other closely the later one is sent first
	Client      *http.Client // nil: one with a timeout
}
