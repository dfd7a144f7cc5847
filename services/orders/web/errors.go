package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"github.com/orderbridge/orderbridge/contracts"
)

// errorsPage is the orders in error, by reason.
type errorsPage struct {
	Groups  []errorGroup
	Total   int
	More    bool // there are more than are shown
	Query   string
	Results []manyRow
	OK      int
}

type errorGroup struct {
	Reason string
	Rows   []manyRow
}

// errorsMax is how many orders in error a page groups.
const errorsMax = 500

func (p *Pages) errors(w http.ResponseWriter, r *http.Request) {
	body, err := p.listErrors(r)
	if err != nil {
		p.fail(w, r, "errors", err)
		return
	}
	p.show(w, r, http.StatusOK, "errors", "errors", "Errors", body)
}

func (p *Pages) listErrors(r *http.Request) (*errorsPage, error) {
	page, err := read[contracts.AdminOrderPage](p, r, "/admin/api/errors?limit=500")
	if err != nil {
		return nil, err
	}
	out := &errorsPage{More: page.Next != "", Query: r.URL.Query().Get("q")}
	by := map[string]int{}
	for _, o := range page.Orders {
		if out.Query != "" && o.ID != out.Query {
			continue
		}
		reason := o.Reason
		if reason == "" {
			reason = "No reason was given"
		}
		i, known := by[reason]
		if !known {
			i = len(out.Groups)
			by[reason] = i
			out.Groups = append(out.Groups, errorGroup{Reason: reason})
		}
		out.Groups[i].Rows = append(out.Groups[i].Rows, manyRow{AdminOrder: o})
		out.Total++
	}
	slices.SortStableFunc(out.Groups, func(x, y errorGroup) int { return cmp.Compare(len(y.Rows), len(x.Rows)) })
	return out, nil
}

// retryMany tries the chosen orders again, one after the other.
func (p *Pages) retryMany(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	var results []manyRow
	good := 0
	chosen := values["case"]
	for i := range min(len(chosen), errorsMax) {
		id, peer := cutCase(chosen[i])
		row := manyRow{AdminOrder: contracts.AdminOrder{ID: id, Peer: peer, OrderNumber: values.Get("number " + chosen[i])}, Text: "Is being tried again"}
		if row.OrderNumber == "" {
			row.OrderNumber = id
		}
		if _, err := p.call(r, http.MethodPost, "/admin/api/errors/"+url.PathEscape(id)+"/retry?peer="+url.QueryEscape(peer), nil); err != nil {
			problem := problemOf(err)
			row.Bad, row.Text = true, cmp.Or(problem.Detail, problem.Title)
		} else {
			good++
		}
		results = append(results, row)
	}
	body, err := p.listErrors(r)
	if err != nil {
		p.fail(w, r, "errors", err)
		return
	}
	body.Results, body.OK = results, good
	p.show(w, r, http.StatusOK, "errors", "errors", "Errors", body)
}
