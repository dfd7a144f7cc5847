package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/access"
)

// API serves orders to clients, and transactions to peers and the own bridge.
type API struct {
	service  Service
	batches  Batches
	peering  Peering
	log      *zap.Logger
	large    chan struct{} // a place for each large body in memory
	wake     chan struct{} // there is a batch to work on
	feed     *feed
	refusals *refusals
}

// New makes the API.
func New(s Service, b Batches, p Peering, log *zap.Logger) *API {
	log = log.Named("httpapi")
	return &API{s, b, p, log, make(chan struct{}, largeMax), make(chan struct{}, 1), newFeed(), newRefusals(log)}
}

// Routes puts everything that can be called below r, behind authentication, but for what Changes does.
func (a *API) Routes(r chi.Router) {
	reads := Allow(access.Client, access.Viewer, access.Operator, access.Admin)
	client := Allow(access.Client, access.Operator, access.Admin)
	r.With(client, body(contracts.OrderRequestBytesMax)).Post("/orders", a.createOrder)
	r.With(reads).Get("/orders", a.listOrders)
	r.With(Allow(access.Client, access.Peer, access.Viewer, access.Operator, access.Admin)).Get("/orders/{id}", a.getOrder)
	r.With(client, body(contracts.OrderRequestBytesMax)).Put("/orders/{id}", a.putOrder)
	r.With(client, bodyOf(mediaMergePatch, contracts.OrderRequestBytesMax)).Patch("/orders/{id}", a.patchOrder)
	r.With(client).Delete("/orders/{id}", a.deleteOrder)

	comparing := Allow(access.Peer, access.Bridge, access.Admin)
	r.With(comparing).Get("/orders/transactions", a.listTransactions)
	r.With(comparing).Get("/orders/fingerprints", a.listFingerprints)
	r.With(comparing).Get("/orders/entries", a.listEntries)
	r.With(Allow(access.Peer, access.Bridge), body(contracts.AcceptedBytesMax)).Put("/orders/transactions", a.putTransactions)
	r.With(Allow(access.Peer, access.Bridge)).Get("/orders/transactions/batches/{id}", a.getAccepted)
	r.With(Allow(access.Bridge), body(contracts.BatchBytesMax)).Post("/orders/transactions/lookup", a.lookup)
	r.With(Allow(access.Peer), body(smallBytesMax)).Post("/orders/proofs", a.takeProof)
	r.With(Allow(access.Bridge), body(smallBytesMax)).Post("/orders/reconciliations", a.claimReconciliation)
	r.With(Allow(access.Bridge), body(contracts.OrderBytesMax)).Put("/orders/reconciliations/{id}", a.progressReconciliation)
}

// AdminBody demands JSON of operators, and bounds its size to an order and what is around it.
func AdminBody(next http.Handler) http.Handler {
	return body(contracts.OrderRequestBytesMax + adminExtra)(next)
}

// adminExtra is what may be around an order in a request of operators.
const adminExtra = 1024

// The media types of bodies.
const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json"
)

// body demands JSON and bounds its size.
func body(bytesMax int64) func(http.Handler) http.Handler { return bodyOf(mediaJSON, bytesMax) }

// bodyOf demands a media type and bounds the size.
func bodyOf(media string, bytesMax int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !isMedia(r.Header.Get("Content-Type"), media) {
				if r.Method == http.MethodPatch {
					w.Header().Set("Accept-Patch", media)
				}
				WriteProblem(w, r, http.StatusUnsupportedMediaType, "media-type", "the body must be "+media)
				return
			}
			if !isPlain(r.Header.Values("Content-Encoding")) {
				WriteProblem(w, r, http.StatusUnsupportedMediaType, "media-type", "the body must not be compressed: leave Content-Encoding out, or send identity")
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, bytesMax)
			next.ServeHTTP(w, r)
		})
	}
}
