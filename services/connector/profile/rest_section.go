package profile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// REST says how the API of a system is called. Texts named jq are jq expressions on the decoded body of an answer.
type REST struct {
	Base      string            `yaml:"base"`    // path below the address that is configured
	Auth      Auth              `yaml:"auth"`    //
	Headers   map[string]string `yaml:"headers"` // constant ones, besides Accept and Content-Type
	Document  string            `yaml:"document"`
	ID        string            `yaml:"id"`
	Modified  string            `yaml:"modified"`
	Whole     bool              `yaml:"whole"`
	Get       Address           `yaml:"get"`
	Create    Request           `yaml:"create"`
	Update    Request           `yaml:"update"`
	Actions   map[string]Action `yaml:"actions"`
	Parts     map[string]string `yaml:"parts"`
	Condition *Condition        `yaml:"condition"`
	Paging    Paging            `yaml:"paging"`
	Changed   Changed           `yaml:"changed"`
	All       All               `yaml:"all"`
	Find      Find              `yaml:"find"`
	Gone      Answer            `yaml:"gone"`
	Stale     Answer            `yaml:"stale"`
	Refused   Answer            `yaml:"refused"`
	Failed    string            `yaml:"failed"`
	Reason    string            `yaml:"reason"`
	Quota     QuotaHeaders      `yaml:"quota"`
	Rate      Rate              `yaml:"rate"`
	Link      string            `yaml:"link"`
	Traits    TraitTimes        `yaml:"traits"`
}

// Auth is how a request says who sends it. The secrets are not part of a profile.
type Auth struct {
	Basic  bool   `yaml:"basic"`  // HTTP Basic with the configured key and secret
	Header string `yaml:"header"` // or a header with the secret, after Prefix and, where there is one, the key and a colon
	Prefix string `yaml:"prefix"`
}

// Address is where an order is read.
type Address struct {
	Path string `yaml:"path"` // with {id}
}

// Request is a request that writes.
type Request struct {
	Method string `yaml:"method"` // POST or PUT
	Path   string `yaml:"path"`   // with {id}, but to create
}

// Action is a transition of an order by a request of its own.
type Action struct {
	Request `yaml:",inline"`
	Body    map[string]any `yaml:"body"`
}

// Condition is how an update says which state it is about.
type Condition struct {
	Header  string `yaml:"header"`  // request header with the entity tag of the answer to get, such as If-Match
	Member  string `yaml:"member"`  // or member of the body with Version
	Version string `yaml:"version"` // jq
}

// Paging is how lists come in pages.
type Paging struct {
	By     string `yaml:"by"`     // page, offset, cursor or link
	Param  string `yaml:"param"`  // query parameter with the number of the page, the offset or the cursor
	Size   string `yaml:"size"`   // query parameter with the number of orders
	Orders int    `yaml:"orders"` // in a page
	Total  string `yaml:"total"`  // response header with the number of all orders in the list
	Cursor string `yaml:"cursor"` // jq of the next page's cursor
	Items  string `yaml:"items"`  // jq of the array; the body itself when absent
	Empty  int    `yaml:"empty"`  // status without a body that says that the list is empty
}

// List is one list of orders. The query has the placeholders {from}, {until}, {after}, {reference} and {since}.
type List struct {
	Path  string            `yaml:"path"`
	Query map[string]string `yaml:"query"`
}

// All is the list of all orders by id.
type All struct {
	List  `yaml:",inline"`
	By    string `yaml:"by"`    // after (an id) or offset
	Param string `yaml:"param"` // by offset: the query parameter
	First string `yaml:"first"` // by after: the id before the first
}

// Changed is the list of orders by the time of their change.
type Changed struct {
	List       `yaml:",inline"`
	Layout     string        `yaml:"layout"`
	Zone       string        `yaml:"zone"`
	Inclusive  bool          `yaml:"inclusive"` // an order changed just at {from} is in the list
	Resolution time.Duration `yaml:"resolution"`
}

// Find is the list of orders in which one is looked for by our reference.
type Find struct {
	List   `yaml:",inline"`
	Window time.Duration `yaml:"window"` // {since} is so long ago
	Layout string        `yaml:"layout"`
	Zone   string        `yaml:"zone"`
}

// Answer recognises an answer.
type Answer struct {
	Status []int  `yaml:"status"`
	When   string `yaml:"when"` // jq condition
}

// QuotaHeaders are response headers of a rate limit.
type QuotaHeaders struct {
	Left  string `yaml:"left"`  // calls that are left
	Reset string `yaml:"reset"` // milliseconds until there are more; read when a call was refused without Retry-After
}

// Rate is how fast the system may be called.
type Rate struct {
	PerSecond   float64 `yaml:"perSecond"`
	Burst       int     `yaml:"burst"`
	Concurrency int     `yaml:"concurrency"`
}

// TraitTimes are times that foreign.Traits needs.
type TraitTimes struct {
	Late           time.Duration `yaml:"late"`
	LongestRequest time.Duration `yaml:"longestRequest"`
}

// check finds what is wrong with the section.
func (r *REST) check(c *compiler) {
	at := func(keys ...string) []string { return append([]string{"rest"}, keys...) }
	for name, text := range map[string]*string{
		"document": &r.Document, "id": &r.ID, "modified": &r.Modified, "failed": &r.Failed, "reason": &r.Reason,
	} {
		c.expression(at(name), *text)
	}
	c.expression(at("paging", "cursor"), r.Paging.Cursor)
	c.expression(at("paging", "items"), r.Paging.Items)
	for name, a := range map[string]Answer{"gone": r.Gone, "stale": r.Stale, "refused": r.Refused} {
		c.expression(at(name, "when"), a.When)
	}
	if r.ID == "" {
		c.fail(at(), "needs id, the jq expression of an order's id")
	}
	if r.Auth.Basic == (r.Auth.Header != "") {
		c.fail(at("auth"), "is basic, or has a header")
	}
	calls := map[string]Request{"create": r.Create, "update": r.Update}
	for name, action := range r.Actions {
		calls["actions."+name] = action.Request
	}
	for name, call := range calls {
		keys := at(strings.Split(name, ".")...)
		if call.Method != "POST" && call.Method != "PUT" {
			c.fail(keys, "has the method POST or PUT")
		}
		if name != "create" && !strings.Contains(call.Path, "{id}") {
			c.fail(keys, "needs a path with {id}")
		}
	}
	if !strings.Contains(r.Get.Path, "{id}") || r.Create.Path == "" {
		c.fail(at("get"), "needs a path with {id}, and create one without")
	}
	if !slices.Contains([]string{"page", "offset", "cursor", "link"}, r.Paging.By) || r.Paging.By != "link" && r.Paging.Param == "" ||
		(r.Paging.By == "cursor") != (r.Paging.Cursor != "") || r.Paging.Orders < 1 || r.Paging.Size == "" {
		c.fail(at("paging"), "needs by (page, offset, cursor or link) with its param, size and orders, and cursor when it is by cursor")
	}
	if r.All.By != "after" && (r.All.By != "offset" || r.All.Param == "") {
		c.fail(at("all"), "needs by: after with {after} in the query, or by: offset with its param")
	}
	for name, list := range map[string]List{"changed": r.Changed.List, "all": r.All.List, "find": r.Find.List} {
		if list.Path == "" {
			c.fail(at(name), "needs a path")
		}
	}
	for name, text := range map[string][2]string{"changed": {r.Changed.Layout, r.Changed.Zone}, "find": {r.Find.Layout, r.Find.Zone}} {
		if _, err := newTimeCodec(text[0], text[1]); err != nil {
			c.fail(at(name, "layout"), "%s", err)
		}
	}
	if r.Changed.Resolution <= 0 || r.Rate.PerSecond <= 0 || r.Rate.Burst < 1 || r.Rate.Concurrency < 1 || r.Traits.LongestRequest <= 0 {
		c.fail(at(), "needs changed.resolution, rate.perSecond, rate.burst, rate.concurrency and traits.longestRequest")
	}
	if k := r.Condition; k != nil {
		c.expression(at("condition", "version"), k.Version)
		if (k.Header == "") == (k.Member == "") || (k.Member == "") != (k.Version == "") {
			c.fail(at("condition"), "has a header, or a member and its version")
		}
	}
}

// FormatTime writes a time as the system takes it in a query.
func FormatTime(at time.Time, layout, zone string) (string, error) {
	codec, err := newTimeCodec(layout, zone)
	if err != nil {
		return "", err
	}
	v, err := codec.encode(at.UTC().Format(time.RFC3339Nano), "")
	return fmt.Sprint(v), err
}
