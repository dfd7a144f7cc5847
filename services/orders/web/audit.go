package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
)

type auditPage struct {
	Events  []auditRow
	Filter  url.Values
	Actions []option
	Next    string
	Export  string // query of the same events as a file
	Any     bool
	Problem *contracts.Problem
}

type auditRow struct {
	contracts.AuditEvent
	Who, Did string
	Link     string // of the subject
	To       string
}

func (p *Pages) audit(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ask := url.Values{}
	for _, name := range []string{"actor", "action", "order", "from", "to"} {
		v := strings.TrimSpace(q.Get(name))
		switch {
		case v == "":
			continue
		case name == "actor" && !strings.Contains(v, ":") && v != "cli" && v != "anonymous":
			v = "user:" + v
		case name == "from" || name == "to":
			v = dayOrTime(v, name == "to")
		}
		ask.Set(name, v)
	}
	body := &auditPage{Filter: q, Export: ask.Encode(), Any: len(ask) > 0, Actions: []option{{"", "Anything"}}}
	for _, a := range contracts.AuditActions {
		body.Actions = append(body.Actions, option{a, auditWords(a)})
	}
	if after := q.Get("after"); after != "" {
		ask.Set("after", after)
	}
	found, err := read[contracts.AuditPage](p, r, "/admin/api/audit?"+ask.Encode())
	if err != nil {
		problem := problemOf(err)
		if problem.Status != http.StatusBadRequest {
			p.fail(w, r, "audit", err)
			return
		}
		body.Problem = &problem
	}
	for _, e := range found.Events {
		body.Events = append(body.Events, auditOf(e))
	}
	if found.Next != "" {
		next, _ := url.Parse(found.Next) // the API made it
		on := clone(q)
		on.Set("after", next.Query().Get("after"))
		body.Next = "/admin/audit?" + on.Encode()
	}
	status := http.StatusOK
	if body.Problem != nil {
		status = http.StatusBadRequest
	}
	p.show(w, r, status, "audit", "audit", "Audit", body)
}

func auditOf(e contracts.AuditEvent) auditRow {
	out := auditRow{AuditEvent: e, Who: who(e.Actor), Did: auditWords(e.Action)}
	kind, name, _ := strings.Cut(e.Subject, ":")
	out.To = kind + " " + name
	switch kind {
	case "order":
		out.Link, out.To = "/admin/orders/"+name, "order "+name
	case "peer":
		out.Link = "/admin/peers"
	case "":
		out.To = ""
	}
	return out
}

// auditWords says an action of the audit in words: peer.paused is "Peer paused".
func auditWords(action string) string { return words(strings.ReplaceAll(action, ".", " ")) }

// export hands the audit out as a file, as the API writes it.
func (p *Pages) export(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	accept, name := "text/csv", "audit.csv"
	if q.Get("as") == "json" {
		accept, name = "application/x-ndjson", "audit.jsonl"
	}
	q.Del("as")
	in, err := within(r, http.MethodGet, "/admin/api/audit?"+q.Encode(), nil, []string{"Accept", accept})
	if err != nil {
		p.fail(w, r, "audit", err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	p.api.ServeHTTP(w, in) // it may be long, and is passed on as it comes
}
