package web

import (
	"net/http"
	"net/url"

	"github.com/orderbridge/orderbridge/contracts"
)

// collisionsPage is the list of open cases.
type collisionsPage struct {
	Rows    []contracts.AdminOrder
	Next    string
	Preview []manyRow   // what settling many would come to
	Settles int         // of those, how many would be settled
	Filter  *caseFilter // by which they were found, if not chosen one by one
	Take    string
	Results []manyRow // what it came to
	OK      int
}

// manyRow is one case of many.
type manyRow struct {
	contracts.AdminOrder
	Version string // of the case, as it was previewed
	Text    string
	Bad     bool
}

// manyMax is how many cases are settled at once.
const manyMax = 500

// shownMax is how many of them a preview shows one by one.
const shownMax = 20

// Seen are the rows of a preview that are shown.
func (b *collisionsPage) Seen() []manyRow { return b.Preview[:min(len(b.Preview), shownMax)] }

// Stay is how many would stay open.
func (b *collisionsPage) Stay() int { return len(b.Preview) - b.Settles }

// Rest are those that are only counted.
func (b *collisionsPage) Rest() []manyRow { return b.Preview[min(len(b.Preview), shownMax):] }

func (p *Pages) collisions(w http.ResponseWriter, r *http.Request) {
	body, err := p.listCases(r)
	if err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	p.show(w, r, http.StatusOK, "collisions", "collisions", "Collisions", body)
}

func (p *Pages) listCases(r *http.Request) (*collisionsPage, error) {
	ask := url.Values{"limit": {"50"}}
	if c := r.URL.Query().Get("cursor"); c != "" {
		ask.Set("cursor", c)
	}
	page, err := read[contracts.AdminOrderPage](p, r, "/admin/api/collisions?"+ask.Encode())
	if err != nil {
		return nil, err
	}
	out := &collisionsPage{Rows: page.Orders}
	if page.Next != "" {
		next, _ := url.Parse(page.Next) // the API made it
		out.Next = "/admin/collisions?cursor=" + url.QueryEscape(next.Query().Get("cursor"))
	}
	return out, nil
}

// settleMany settles the chosen cases one way: first it shows what that comes to, then it is done, case
// by case, with the version that was shown. A case that moved meanwhile stays.
func (p *Pages) settleMany(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	body, err := p.listCases(r)
	if err != nil {
		p.fail(w, r, "collisions", err)
		return
	}
	body.Take = values.Get("take")
	if body.Take != "ours" && body.Take != "theirs" {
		body.Take = "merged"
	}
	chosen := values["case"]
	if values.Get("step") == "all" {
		if body.Filter, chosen, err = p.matching(r, values); err != nil {
			p.fail(w, r, "collisions", err)
			return
		}
	}
	for i := range min(len(chosen), manyMax) {
		id, peer := cutCase(chosen[i])
		row := manyRow{AdminOrder: contracts.AdminOrder{ID: id, Peer: peer, OrderNumber: id}}
		if values.Get("step") == "apply" {
			p.applyOne(r, &row, body.Take, values.Get("version "+chosen[i]))
			if !row.Bad {
				body.OK++
			}
			body.Results = append(body.Results, row)
			continue
		}
		if p.previewOne(r, &row, body.Take); !row.Bad {
			body.Settles++
		}
		body.Preview = append(body.Preview, row)
	}
	if body.Results != nil {
		if fresh, err := p.listCases(r); err == nil {
			body.Rows, body.Next = fresh.Rows, fresh.Next
		}
	}
	p.show(w, r, http.StatusOK, "collisions", "collisions", "Collisions", body)
}

// cutCase reads the name of a case in the form: the id of the order and the peer.
func cutCase(name string) (id, peer string) {
	if len(name) > 36 && name[36] == ' ' {
		return name[:36], name[37:]
	}
	return name, ""
}

// findCase reads one case for many.
func (p *Pages) findCase(r *http.Request, row *manyRow) (*contracts.Collision, string, error) {
	a, err := p.call(r, http.MethodGet, "/admin/api/collisions/"+url.PathEscape(row.ID)+"?peer="+url.QueryEscape(row.Peer), nil)
	if err != nil {
		return nil, "", err
	}
	var c contracts.Collision
	if err := decode(a, &c); err != nil {
		return nil, "", err
	}
	for _, o := range []*contracts.Order{c.Theirs.Order, c.Ours.Order} {
		if o != nil {
			row.OrderNumber = o.OrderNumber
		}
	}
	row.Since = c.Since
	return &c, a.header.Get("ETag"), nil
}

func (p *Pages) previewOne(r *http.Request, row *manyRow, take string) {
	c, version, err := p.findCase(r, row)
	if err != nil {
		row.Bad, row.Text = true, problemOf(err).Detail
		return
	}
	row.Version = version
	_, row.Text, row.Bad = settlement(c, take)
}

func (p *Pages) applyOne(r *http.Request, row *manyRow, take, version string) {
	c, _, err := p.findCase(r, row)
	if err != nil {
		row.Bad, row.Text = true, problemOf(err).Detail
		return
	}
	res, text, bad := settlement(c, take)
	if row.Text, row.Bad = text, bad; bad {
		return
	}
	if version == "" {
		version = `"unknown"`
	}
	if _, err = p.call(r, http.MethodPost, "/admin/api/collisions/"+url.PathEscape(row.ID)+"/resolve?peer="+url.QueryEscape(row.Peer), res, "If-Match", version); err != nil {
		problem := problemOf(err)
		row.Bad, row.Text = true, problem.Title+": "+problem.Detail
		return
	}
	row.Text = "Settled"
}

// settlement is how one case of many is settled, in words; bad when it cannot be so.
func settlement(c *contracts.Collision, take string) (r *contracts.Resolution, text string, bad bool) {
	fields := count(int64(len(c.Differs)), "field")
	switch take {
	case "ours":
		if c.Ours.Deleted {
			return &contracts.Resolution{Take: take}, "The order is deleted, as here", false
		}
		return &contracts.Resolution{Take: take}, "This side's version stays, " + fields + " as here", false
	case "theirs":
		if c.Theirs.Deleted {
			return &contracts.Resolution{Take: take}, "The order is deleted, as at " + c.Peer, false
		}
		return &contracts.Resolution{Take: take}, "The version of " + c.Peer + " is taken over, " + fields + " as there", false
	}
	if c.Merged == nil {
		return nil, "Cannot be put together: look at it one by one", true
	}
	for _, f := range c.Differs {
		if f.Contested && f.Pick == "" {
			return nil, "Both changed " + pointerWords(f.Pointer) + ": look at it one by one", true
		}
	}
	merged := *c.Merged
	merged.Totals = nil
	for i := range merged.Lines {
		merged.Lines[i].TotalMinor = nil
	}
	return &contracts.Resolution{Order: &merged}, "Both sides' changes are put together, " + fields, false
}

// Case is the name of a case in the form.
func (r manyRow) Case() string { return r.ID + " " + r.Peer }
