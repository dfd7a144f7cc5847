package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// reconciliation is one comparison of both sides, for people.
type reconciliation struct {
	contracts.Reconciliation
	said
	Why     string // why it was begun
	Open    bool   // it is not over
	Stuck   bool   // it waits for a person
	Effects []option
}

var causeWords = map[string]string{
	"requested": "requested by a person", "command": "run from the command line", "schedule": "schedule", "firstContact": "first contact",
	"brokerLost": "a broker lost its store", "restored": "a database was restored",
}

// effectWords say what becomes of one order, and of several.
var effectWords = map[string][2]string{
	"createsHere":   {"comes here", "come here"},
	"replacesHere":  {"is replaced here", "are replaced here"},
	"deletesHere":   {"is deleted here", "are deleted here"},
	"createsThere":  {"is created at the peer", "are created at the peer"},
	"replacesThere": {"is replaced at the peer", "are replaced at the peer"},
	"deletesThere":  {"is deleted at the peer", "are deleted at the peer"},
	"collides":      {"becomes a collision", "become collisions"},
	"agrees":        {"only agrees", "only agree"},
}

func reconciliationOf(r contracts.Reconciliation) reconciliation {
	out := reconciliation{Reconciliation: r, Why: causeWords[r.Cause], said: said{"busy", words(r.State)}}
	switch r.State {
	case "requested":
		out.Open, out.Text = true, "Requested; the bridge will start it"
	case "running", "confirmed":
		out.Open, out.Text = true, "Running"
		if r.Report != nil && r.Report.Orders > 0 {
			out.Text = fmt.Sprintf("Running, %s: %s of %s", r.Report.Phase, number(r.Report.Compared), count(r.Report.Orders, "order"))
		}
	case "held":
		out.Open, out.Stuck, out.said = true, true, said{"bad", "Held: needs confirmation"}
	case "done":
		out.said = said{"good", "Done"}
		switch {
		case r.Report != nil && r.Report.Equal:
			out.Text = "Proved equal, " + count(r.Report.Orders, "order")
		case r.DryRun:
			out.said = said{"none", "Dry run, nothing was changed"}
		}
	case "failed":
		out.said = said{"bad", "Failed"}
	case "dropped":
		out.said = said{"none", "Dropped"}
	}
	if r.Report != nil {
		for _, name := range slices.Sorted(maps.Keys(r.Report.Effects)) {
			if n := r.Report.Effects[name]; n > 0 {
				out.Effects = append(out.Effects, option{count(int64(n), "order"), effectWords[name][min(n, 2)-1]})
			}
		}
	}
	return out
}

// planShown is how many orders of a plan are shown at first.
const planShown = 100

type reconciliationPage struct {
	reconciliation
	Plan []plannedRow // what happens to few orders first
	More int          // how many it names besides
}

type plannedRow struct {
	contracts.PlannedOrder
	Text string
}

func (p *Pages) oneReconciliation(w http.ResponseWriter, r *http.Request) {
	one, err := read[contracts.Reconciliation](p, r, "/admin/api/reconciliations/"+url.PathEscape(chi.URLParam(r, "id")))
	if err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	out := &reconciliationPage{reconciliation: reconciliationOf(one)}
	if one.Report != nil {
		plan := slices.Clone(one.Report.Plan)
		slices.SortStableFunc(plan, func(x, y contracts.PlannedOrder) int {
			return cmp.Compare(one.Report.Effects[x.Effect], one.Report.Effects[y.Effect])
		})
		if len(plan) > planShown && !r.URL.Query().Has("all") {
			out.More = len(plan) - planShown
			plan = plan[:planShown]
		}
		for _, o := range plan {
			out.Plan = append(out.Plan, plannedRow{o, effectWords[o.Effect][0]})
		}
	}
	p.show(w, r, http.StatusOK, "reconciliation", "peers", "Reconciliation with "+one.Peer, out)
}

func (p *Pages) startReconciliation(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	ask := contracts.ReconciliationRequest{Peer: chi.URLParam(r, "peer"), DryRun: values.Get("dryRun") != ""}
	a, err := p.call(r, http.MethodPost, "/admin/api/reconciliations", ask)
	var one contracts.Reconciliation
	if err == nil {
		err = decode(a, &one)
	}
	if err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	done(w, r, "/admin/reconciliations/"+url.PathEscape(one.ID), "started")
}

func (p *Pages) confirmReconciliation(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	p.decideReconciliation(w, r, "confirm", contracts.ReconciliationConfirmation{Except: values["except"]}, "confirmed")
}

func (p *Pages) dropReconciliation(w http.ResponseWriter, r *http.Request) {
	p.decideReconciliation(w, r, "drop", nil, "dropped")
}

func (p *Pages) decideReconciliation(w http.ResponseWriter, r *http.Request, verb string, body any, did string) {
	id := url.PathEscape(chi.URLParam(r, "id"))
	if _, err := p.call(r, http.MethodPost, "/admin/api/reconciliations/"+id+"/"+verb, body); err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	done(w, r, "/admin/reconciliations/"+id, did)
}

// brakeOff is how long a person lets everything through.
const brakeOff = 10 * time.Minute

func (p *Pages) setBrake(w http.ResponseWriter, r *http.Request) {
	values, ok := p.form(w, r)
	if !ok {
		return
	}
	set, did := contracts.BrakeSetting{}, "braked"
	if values.Get("off") != "" {
		set.OffSeconds, did = int64(brakeOff/time.Second), "unbraked"
	}
	if _, err := p.call(r, http.MethodPost, "/admin/api/peers/"+url.PathEscape(chi.URLParam(r, "peer"))+"/brake", set); err != nil {
		p.fail(w, r, "peers", err)
		return
	}
	done(w, r, "/admin/peers", did)
}
