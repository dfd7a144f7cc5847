package admin

import (
	"context"
	"encoding/csv"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
)

// Auditor reads what people and tokens did, newest first.
type Auditor interface {
	Audit(ctx context.Context, q access.AuditQuery) ([]access.AuditEntry, error)
}

// exportPage is how many events an export reads at once.
const exportPage = 1000

// auditQuery reads what is asked for. An export tells of all that fits, so it has no limit of its own.
func auditQuery(r *http.Request, export bool) (access.AuditQuery, error) {
	q := httpapi.NewQuery(r)
	out := access.AuditQuery{
		Actor: q.Text("actor"), Action: q.Text("action"), Order: q.ID("order"), From: q.Time("from"), To: q.Time("to"), Limit: exportPage,
	}
	if !export {
		out.Limit = q.Limit()
	}
	if out.Action != "" && !slices.Contains(contracts.AuditActions, out.Action) {
		q.Fault("action", "is no action of the audit")
	}
	if text := q.Text("after"); text != "" {
		var err error
		if out.After, err = access.ParseAuditMark(text); err != nil {
			q.Fault("after", "must be the id of an event")
		}
	}
	return out, q.Err()
}

func (p *People) audit(w http.ResponseWriter, r *http.Request) {
	format := exportFormat(r)
	q, err := auditQuery(r, format != nil)
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	if format != nil {
		p.export(w, r, q, format)
		return
	}
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	found, err := p.auditor.Audit(r.Context(), q)
	if err != nil {
		httpapi.Fail(w, r, p.log, err)
		return
	}
	out := contracts.AuditPage{Events: []contracts.AuditEvent{}}
	if len(found) > limit {
		found = found[:limit]
		out.Next = httpapi.NextPage(w, r, "after", found[limit-1].Mark.String())
	}
	for _, e := range found {
		out.Events = append(out.Events, auditView(e))
	}
	p.answer(w, r, httpapi.WriteJSON(w, http.StatusOK, out))
}

func auditView(e access.AuditEntry) contracts.AuditEvent {
	return contracts.AuditEvent{
		ID: e.Mark.String(), At: e.At.UTC(), Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: e.Detail, RequestID: e.RequestID,
	}
}

// An exporter writes events in another form than a page's.
type exporter struct {
	mediaType, file string
	begin           func(w http.ResponseWriter) (write func(contracts.AuditEvent) error, flush func() error)
}

var exporters = []exporter{
	{"text/csv", "audit.csv", func(w http.ResponseWriter) (func(contracts.AuditEvent) error, func() error) {
		c := csv.NewWriter(w)
		// A failure to write is kept, and told by the flush.
		_ = c.Write([]string{"id", "at", "actor", "action", "subject", "detail", "requestId"})
		return func(e contracts.AuditEvent) error {
				return c.Write([]string{e.ID, e.At.Format(time.RFC3339Nano), cell(e.Actor), cell(e.Action), cell(e.Subject), cell(e.Detail), cell(e.RequestID)})
			}, func() error {
				c.Flush()
				return c.Error()
			}
	}},
	{"application/x-ndjson", "audit.ndjson", func(w http.ResponseWriter) (func(contracts.AuditEvent) error, func() error) {
		return func(e contracts.AuditEvent) error {
			b, err := strictjson.Encode(e)
			if err == nil {
				_, err = w.Write(append(b, '\n'))
			}
			return err
		}, func() error { return nil }
	}},
}

// cell keeps a spreadsheet from taking a text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// exportFormat is the export that a request prefers, or nil for a page.
func exportFormat(r *http.Request) *exporter {
	for one := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, _, _ := mime.ParseMediaType(one)
		for i := range exporters {
			if exporters[i].mediaType == media {
				return &exporters[i]
			}
		}
	}
	return nil
}

// export tells of all events up to a bound, page by page. When that fails after it has begun, the answer
// is cut off, so that nobody takes a part for the whole.
func (p *People) export(w http.ResponseWriter, r *http.Request, q access.AuditQuery, format *exporter) {
	var write func(contracts.AuditEvent) error
	var flush func() error
	for told := 0; told < contracts.AuditExportMax; {
		found, err := p.auditor.Audit(r.Context(), q)
		if err != nil && write == nil {
			httpapi.Fail(w, r, p.log, err)
			return
		}
		if write == nil {
			w.Header().Set("Content-Type", format.mediaType+"; charset=utf-8")
			w.Header().Set("Content-Disposition", `attachment; filename="`+format.file+`"`)
			write, flush = format.begin(w)
		}
		for _, e := range found {
			if err == nil {
				err = write(auditView(e))
			}
		}
		if err != nil {
			p.log.Warn("an export of the audit was cut off", zap.Error(err), zap.String("request_id", httpapi.RequestID(r.Context())))
			panic(http.ErrAbortHandler)
		}
		if told += len(found); len(found) < q.Limit {
			break
		}
		q.After = found[len(found)-1].Mark
	}
	if err := flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// record keeps in the audit what somebody does.
func (a *Admin) record(ctx context.Context, by orders.By, action, subject, detail string) error {
	return a.store.Record(ctx, access.Event{
		At: a.now(), Actor: by.Actor, Action: action, Subject: subject, Detail: detail, RequestID: by.RequestID,
	})
}
