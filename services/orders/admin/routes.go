package admin

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Service is what the admin changes.
type Service interface {
	Collision(ctx context.Context, id uuid.UUID, peer string) (*orders.Case, error)
	Refused(ctx context.Context, id uuid.UUID, peer string) (*orders.Case, error)
	Resolve(ctx context.Context, by orders.By, id uuid.UUID, peer string, r contracts.Resolution, ifMatch orders.Tags) (*orders.Stored, error)
	Drop(ctx context.Context, by orders.By, id uuid.UUID, peer string) (*orders.Stored, error)
	Propose(ctx context.Context, by orders.By, id uuid.UUID, peer string, r contracts.Resolution, ifMatch orders.Tags) (*orders.Proposal, error)
	Approve(ctx context.Context, by orders.By, id uuid.UUID, peer string, proposal uuid.UUID) (*orders.Stored, error)
	Reject(ctx context.Context, by orders.By, id uuid.UUID, peer string, proposal uuid.UUID) error
	FourEyes() bool
	Settle(ctx context.Context, by orders.By, id uuid.UUID, peer, take, tag string, dry bool) (*orders.Case, error)
	PutBack(ctx context.Context, by orders.By, id uuid.UUID, body []byte, cond orders.Condition) (*orders.Stored, error)
	Retry(ctx context.Context, by orders.By, id uuid.UUID, peer string) (*orders.Stored, error)
	Policy() merge.Policy
	TryPolicy(ctx context.Context, p merge.Policy, limit int) ([]orders.Tried, error)
	Epoch() string
	LongestVersion() orders.LongVersion
	Name() string
}

// Store is what the admin reads.
type Store interface {
	Counts(ctx context.Context) (orders.Counts, error)
	Links(ctx context.Context, states []ordersync.State, peers []string, after orders.CaseKey, limit int) ([]orders.LinkRow, error)
	Timeline(ctx context.Context, id uuid.UUID) ([]orders.LogRow, error)
	KeptContents(ctx context.Context, id uuid.UUID, seq int64) (replaced, dropped []byte, err error)
	Load(ctx context.Context, ids []uuid.UUID) ([]*orders.Stored, error)
	SetPaused(ctx context.Context, peer string, paused bool) error
	Record(ctx context.Context, e access.Event) error
	ReceivedSince(ctx context.Context, seq int64) (byPeer map[string]int64, last int64, err error)
	Mark(ctx context.Context) (string, error)
	BrokerLoss(ctx context.Context) (*contracts.BrokerLoss, error)
	// ChangesSince counts the changes of orders after a place in the log, up to most.
	ChangesSince(ctx context.Context, position int64, most int) (int64, error)
	// OpenCases lists collisions by order id and peer, and counts them.
	OpenCases(ctx context.Context, f orders.CaseFilter, limit int) ([]orders.LinkRow, orders.CaseCounts, error)
	Proposal(ctx context.Context, id uuid.UUID, peer string) (*orders.Proposal, error)
	WaitingProposals(ctx context.Context, ids []uuid.UUID) (map[orders.CaseKey]string, error)
	// InError lists orders that are in error with a peer's version kept, for one reason.
	InError(ctx context.Context, peer, reason string, limit int) ([]uuid.UUID, error)
}

// Broker is this side's JetStream as operators see it.
type Broker interface {
	Status(ctx context.Context) (contracts.BrokerStatus, map[string]contracts.ConsumerStatus)
	Bridges(peer string) []contracts.BridgeReport
	FailedCalls(peer string) []contracts.BridgeFailures
	Pause(ctx context.Context, peer string) error
	Resume(ctx context.Context, peer string) error
}

// Peer is another side, as configured.
type Peer struct {
	Name string
	URL  string
}

// Admin serves operators.
type Admin struct {
	service Service
	store   Store
	broker  Broker
	peering Peering
	system  System // nil where there is none
	peers   []Peer
	limits  Limits
	now     func() time.Time
	log     *zap.Logger
	past    *history
	changes *changes
	ending  chan struct{} // closed when Watch ends
}

// New makes the admin of a side. System is nil where there is none behind the side.
func New(s Service, store Store, broker Broker, peering Peering, system System, peers []Peer, limits Limits, now func() time.Time, log *zap.Logger) *Admin {
	return &Admin{s, store, broker, peering, system, peers, limits, now, log.Named("admin"), newHistory(), newChanges(), make(chan struct{})}
}

// Routes puts everything that can be called below r. Who mounts it lets operators through only.
// Body demands JSON of what a change brings, and bounds it.
func (a *Admin) Routes(r chi.Router, body func(http.Handler) http.Handler) {
	r.Get("/status", a.status)
	r.Get("/history", a.listHistory)
	r.Get("/orders", a.listOrders)
	r.Get("/orders/{id}/timeline", a.timeline)
	r.Get("/orders/{id}/contents/{seq}", a.keptContents)
	r.With(body).Post("/orders/{id}/contents/{seq}", a.putBack)
	r.Get("/collisions", a.listCollisions)
	r.Get("/collisions/{id}", a.collision)
	r.With(body).Post("/collisions/{id}/resolve", a.resolve)
	r.With(body).Post("/collisions/{id}/approve", a.approve)
	r.With(body).Post("/collisions/{id}/reject", a.reject)
	r.With(body).Post("/collisions/settle", a.settleCollisions)
	r.Get("/conflict-policy", a.policy)
	r.With(body).Post("/conflict-policy/preview", a.previewPolicy)
	r.Get("/errors", a.listIn(ordersync.Error, ordersync.ErrorSynced))
	r.Get("/errors/{id}", a.refused)
	r.Post("/errors/{id}/retry", a.retry)
	r.Get("/peers", a.listPeers)
	r.Get("/peers/{peer}/failed-calls", a.failedCalls)
	r.Post("/peers/{peer}/pause", a.pause)
	r.Post("/peers/{peer}/resume", a.resume)
	r.Get("/states", a.states)
	r.Get("/system", a.systemStatus)
	r.With(body).Post("/system/probe", a.probeSystem)
	r.Get("/system/orders/{id}", a.systemOrder)
	r.Post("/system/orders/{id}/sync", a.syncSystemOrder)
	r.Post("/system/orders/{id}/create", a.createSystemOrder)
	r.Post("/system/orders/{id}/give-up", a.giveUpSystemOrder)
	a.peerRoutes(r, body)
}

func (a *Admin) names() []string {
	names := make([]string, len(a.peers))
	for i, p := range a.peers {
		names[i] = p.Name
	}
	return names
}

// hasPeer tells whether a side is a peer of this one.
func (a *Admin) hasPeer(name string) bool { return slices.Contains(a.names(), name) }
