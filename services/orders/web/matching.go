package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// caseFilter finds open cases to be settled together.
type caseFilter struct {
	Number string // how the order's number begins
	Peer   string
	Older  string // a name of olderThan
	Looked int    // at how many open cases it looked
	Found  int
	More   bool // there are more than are settled at once, or than were looked at
}

// olderThan are the ages to choose from.
var olderThan = []struct {
	option
	age time.Duration
}{
	{option{"", "any time"}, 0},
	{option{"hour", "an hour or longer"}, time.Hour},
	{option{"day", "a day or longer"}, 24 * time.Hour},
	{option{"week", "a week or longer"}, 7 * 24 * time.Hour},
}

// pagesMax bounds how far a filter looks: at so many pages of the list, of listed cases each.
const (
	pagesMax = 20
	listed   = "500"
)

// matches tells whether a case is one of those to be found.
func (f *caseFilter) matches(row *contracts.AdminOrder, now time.Time) bool {
	age := time.Duration(0)
	for _, o := range olderThan {
		if o.Value == f.Older {
			age = o.age
		}
	}
	return strings.HasPrefix(strings.ToLower(row.OrderNumber), strings.ToLower(f.Number)) && now.Sub(row.Since) >= age
}

// matching finds the open cases that a filter in a form describes, by their names in the form.
func (p *Pages) matching(r *http.Request, v url.Values) (*caseFilter, []string, error) {
	f := &caseFilter{Number: strings.TrimSpace(v.Get("number")), Peer: v.Get("peer"), Older: v.Get("older")}
	ask := url.Values{"limit": {listed}}
	if f.Peer != "" {
		ask.Set("peer", f.Peer)
	}
	var out []string
	for range pagesMax {
		page, err := read[contracts.AdminOrderPage](p, r, "/admin/api/collisions?"+ask.Encode())
		if err != nil {
			return nil, nil, err
		}
		for i := range page.Orders {
			row := &page.Orders[i]
			if f.Looked++; !f.matches(row, p.now()) {
				continue
			}
			if f.Found == manyMax {
				f.More = true
				return f, out, nil
			}
			f.Found++
			out = append(out, manyRow{AdminOrder: *row}.Case())
		}
		if page.Next == "" {
			return f, out, nil
		}
		next, _ := url.Parse(page.Next) // the API made it
		ask.Set("cursor", next.Query().Get("cursor"))
	}
	f.More = true
	return f, out, nil
}

// Ages are the ages to choose from.
func (*collisionsPage) Ages() (out []option) {
	for _, o := range olderThan {
		out = append(out, o.option)
	}
	return out
}
