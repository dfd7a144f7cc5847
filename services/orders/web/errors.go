package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

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

// manyRow is an order among many, and what became of it.
type manyRow struct {
	contracts.AdminOrder
	Text string
	Bad  bool
}

// Case is the name of an order in the form.
func (r manyRow) Case() string { return r.ID + " " + r.Peer }

// errorGroup are the orders that one side does not take over for one reason.
type errorGroup struct {
	Reason      string
	RefusedHere bool
	Rows        []manyRow
}

// HeldHere tells that the brake of this side has stopped them.
func (g errorGroup) HeldHere() bool { return g.Rows[0].HeldHere() }

// Braked tells that a brake, of either side, has stopped it.
func (r manyRow) Braked() bool { return strings.HasPrefix(r.Reason, contracts.BrakeReason) }

// HeldHere tells that it was the brake of this side.
func (r manyRow) HeldHere() bool { return r.RefusedHere && r.Braked() }

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
	type group struct {
		reason string
		here   bool
	}
	by := map[group]int{}
	for _, o := range page.Orders {
		if out.Query != "" && o.ID != out.Query {
			continue
		}
		reason := o.Reason
		if reason == "" {
			reason = "No reason was given"
		}
		of := group{reason, o.RefusedHere}
		i, known := by[of]
		if !known {
			i = len(out.Groups)
			by[of] = i
			out.Groups = append(out.Groups, errorGroup{Reason: reason, RefusedHere: o.RefusedHere})
		}
		out.Groups[i].Rows = append(out.Groups[i].Rows, manyRow{AdminOrder: o})
		out.Total++
	}
	slices.SortStableFunc(out.Groups, func(x, y errorGroup) int { return cmp.Compare(len(y.Rows), len(x.Rows)) })
	return out, nil
}

// settleErrors tries the chosen orders again, or settles them for one of the two sides.
func (p *Pages) settleErrors(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	chosen := values["case"]
	chosen = chosen[:min(len(chosen), errorsMax)]
	var results []manyRow
	switch take := values.Get("take"); take {
	case "ours", "theirs":
		results = p.takeErrors(r, chosen, take)
	default:
		results = p.retryErrors(r, chosen)
	}
	good := 0
	for i := range results {
		row := &results[i]
		row.OrderNumber = cmp.Or(values.Get("number "+row.Case()), row.ID)
		if !row.Bad {
			good++
		}
	}
	body, err := p.listErrors(r)
	if err != nil {
		p.fail(w, r, "errors", err)
		return
	}
	body.Results, body.OK = results, good
	p.show(w, r, http.StatusOK, "errors", "errors", "Errors", body)
}

func (p *Pages) retryErrors(r *http.Request, chosen []string) []manyRow {
	var out []manyRow
	for _, name := range chosen {
		id, peer := cutCase(name)
		row := manyRow{AdminOrder: contracts.AdminOrder{ID: id, Peer: peer}}
		if _, err := p.call(r, http.MethodPost, "/admin/api/errors/"+url.PathEscape(id)+"/retry?peer="+url.QueryEscape(peer), nil); err != nil {
			problem := problemOf(err)
			row.Bad, row.Text = true, cmp.Or(problem.Detail, problem.Title)
		}
		out = append(out, row)
	}
	return out
}

// takeErrors settles orders for one side, all of a peer's at once.
func (p *Pages) takeErrors(r *http.Request, chosen []string, take string) []manyRow {
	var out []manyRow
	byPeer := map[string][]string{}
	for _, name := range chosen {
		id, peer := cutCase(name)
		byPeer[peer] = append(byPeer[peer], id)
	}
	for _, peer := range slices.Sorted(maps.Keys(byPeer)) {
		ids := byPeer[peer]
		var result contracts.ErrorSettlementResult
		a, err := p.call(r, http.MethodPost, "/admin/api/errors/settle", contracts.ErrorSettlement{Peer: peer, IDs: ids, Take: take})
		if err == nil {
			err = decode(a, &result)
		}
		why := map[string]string{}
		for _, f := range result.Failed {
			why[f.ID] = f.Reason
		}
		for _, id := range ids {
			row := manyRow{AdminOrder: contracts.AdminOrder{ID: id, Peer: peer}, Text: why[id], Bad: why[id] != ""}
			if err != nil {
				problem := problemOf(err)
				row.Bad, row.Text = true, cmp.Or(problem.Detail, problem.Title)
			}
			out = append(out, row)
		}
	}
	return out
}
