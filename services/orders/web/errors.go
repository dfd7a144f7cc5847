package web

import (
	"cmp"
	"maps"
	"net/http"
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
	manyRow // the first of them
	Rows    []manyRow
}

// Drops tells that what came can be dropped for what this side has.
func (g errorGroup) Drops() bool {
	return g.RefusedHere && slices.ContainsFunc(g.Rows, func(r manyRow) bool { return r.Version != "" })
}

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
	for _, o := range page.Orders {
		if out.Query != "" && o.ID != out.Query {
			continue
		}
		if o.Reason == "" {
			o.Reason = "No reason was given"
		}
		row := manyRow{AdminOrder: o}
		i := slices.IndexFunc(out.Groups, func(g errorGroup) bool { return g.Reason == o.Reason && g.RefusedHere == o.RefusedHere })
		if i < 0 {
			i, out.Groups = len(out.Groups), append(out.Groups, errorGroup{manyRow: row})
		}
		out.Groups[i].Rows = append(out.Groups[i].Rows, row)
		out.Total++
	}
	slices.SortStableFunc(out.Groups, func(x, y errorGroup) int { return cmp.Compare(len(y.Rows), len(x.Rows)) })
	return out, nil
}

// settleErrors tries the chosen orders again ("theirs": what this side refused is looked at again, else ours
// is told again), or drops what came ("ours").
func (p *Pages) settleErrors(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	chosen := values["case"]
	chosen = chosen[:min(len(chosen), errorsMax)]
	results, good := p.takeErrors(r, chosen, cmp.Or(values.Get("take"), "theirs")), 0
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

// takeErrors settles orders by one choice, all of a peer's at once.
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
