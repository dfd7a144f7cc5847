package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
)

// Pages serves the pages of one side.
type Pages struct {
	side      string
	api       http.Handler
	now       func() time.Time
	log       *zap.Logger
	templates map[string]*template.Template
	hash      string // of the static files
}

// New makes the pages of a side. They call api, the side's API behind authentication.
func New(side string, api http.Handler, now func() time.Time, log *zap.Logger) (*Pages, error) {
	p := &Pages{side: side, api: api, now: now, log: log.Named("web")}
	var err error
	if p.templates, err = loadTemplates(now); err != nil {
		return nil, fmt.Errorf("embedded templates: %w", err)
	}
	if p.hash, err = staticHash(); err != nil {
		return nil, fmt.Errorf("embedded files: %w", err)
	}
	return p, nil
}

// Routes puts all pages below r, which is /admin. Who mounts it lets only those through who may see
// the admin.
func (p *Pages) Routes(r chi.Router) {
	r.Get("/", p.overview)
	r.Get("/orders", p.orders)
	r.Get("/orders/new", p.newOrder)
	r.Post("/orders/new", p.createOrder)
	r.Get("/orders/{id}", p.order)
	r.Get("/orders/{id}/edit", p.editOrder)
	r.Post("/orders/{id}/edit", p.saveOrder)
	r.Post("/orders/{id}/delete", p.deleteOrder)
	r.Get("/orders/{id}/contents/{seq}", p.before)
	r.Post("/orders/{id}/contents/{seq}", p.putBack)
	r.Get("/collisions", p.collisions)
	r.Post("/collisions", p.settleMany)
	r.Get("/collisions/{id}", p.oneCase)
	r.Post("/collisions/{id}/preview", p.previewCase)
	r.Post("/collisions/{id}/resolve", p.settleCase)
	r.Post("/collisions/{id}/order", p.settleWith)
	r.Post("/collisions/{id}/approve", p.decideProposal("/approve"))
	r.Post("/collisions/{id}/reject", p.decideProposal("/reject"))
	r.Get("/policy", p.policy)
	r.Post("/policy", p.tryPolicy)
	r.Get("/errors", p.errors)
	r.Post("/errors", p.settleErrors)
	r.Get("/errors/{id}", p.oneError)
	r.Get("/peers", p.peers)
	r.Post("/peers/{peer}/pause", p.pausePeer)
	r.Post("/peers/{peer}/resume", p.resumePeer)
	r.Post("/peers/{peer}/reconcile", p.startReconciliation)
	r.Post("/peers/{peer}/brake", p.setBrake)
	r.Post("/system/orders/{id}/sync", p.doSystemOrder("sync", "searched"))
	r.Post("/system/orders/{id}/create", p.doSystemOrder("create", "postedAgain"))
	r.Post("/system/orders/{id}/give-up", p.doSystemOrder("give-up", "givenUp"))
	r.Post("/peers/{peer}/forget", p.forgetPeer)
	r.Get("/reconciliations/{id}", p.oneReconciliation)
	r.Post("/reconciliations/{id}/confirm", p.confirmReconciliation)
	r.Post("/reconciliations/{id}/drop", p.dropReconciliation)
	r.Get("/audit", p.audit)
	r.Get("/audit/export", p.export)
	r.Get("/people", p.people)
	r.Post("/people/{do}", p.doPeople)
	r.Get("/password", p.password)
	r.Post("/password", p.changePassword)
	r.Get("/states", p.states)
	r.Get("/reference", p.apiReference)
	r.Get("/openapi.yaml", p.document)
}

// Static serves the embedded files, which are no secret.
func (p *Pages) Static() http.HandlerFunc {
	sub, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the folder is embedded
	}
	served := http.StripPrefix("/admin/static/"+p.hash, http.FileServerFS(sub))
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		served.ServeHTTP(w, r)
	}
}
