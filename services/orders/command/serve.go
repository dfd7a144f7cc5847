package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/admin"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/outbox"
	"github.com/orderbridge/orderbridge/services/orders/peering"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/services/orders/web"
	"github.com/orderbridge/orderbridge/settings"
)

// Serve is the command that runs one side's service.
func Serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run one side's Orders service (settings: ORDERS_*, see `orderbridge config`)",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return Run(cmd.Context(), nil) },
	}
}

// Run runs a side's service until a signal ends it, with a system behind it where open opens one.
func Run(ctx context.Context, open OpenBehind) error {
	cfg, err := Load()
	if err != nil {
		return err
	}
	log, err := settings.NewLogger(cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // a terminal cannot be synced, and says so
	settings.TuneMemory(settings.ServiceMemory)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return serve(ctx, cfg, open, log.With(zap.String("side", cfg.Side)))
}

// serve runs the service until ctx ends, then ends what is under way.
func serve(ctx context.Context, cfg *Config, open OpenBehind, log *zap.Logger) error {
	if err := runUntil(ctx, cfg, open, log); ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return nil // it was stopped while it waited for the database
}

// Behind is a system behind a side, as a connector brings it.
type Behind interface {
	orders.Outside
	admin.System
	// Use is called with the side's service before anything else.
	Use(service *orders.Service)
	// Run works until ctx ends.
	Run(ctx context.Context) error
	// Hints takes the system's notices, at SystemHintsPath; nil when it sends none.
	Hints() http.Handler
	Collectors() []prometheus.Collector
}

// SystemHintsPath is where a system sends notices of changes. They are signed, so it takes no token.
const SystemHintsPath = "/system/hints"

// OpenBehind opens the system behind a side; nil opens none.
type OpenBehind func(side string, store *postgres.Store, log *zap.Logger) (Behind, error)

func runUntil(ctx context.Context, cfg *Config, open OpenBehind, log *zap.Logger) error {
	store, err := postgres.Open(ctx, cfg.DatabaseURL, cfg.DatabaseConns)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := prepareDatabase(ctx, cfg, store, log); err != nil {
		return err
	}
	if err := checkRights(ctx, cfg, store, log); err != nil {
		return err
	}
	cfg.warnInsecure(log)
	certificate, err := cfg.certificate(log)
	if err != nil {
		return err
	}
	broker, err := outbox.Open(cfg.broker(certificate), log)
	if err != nil {
		return err
	}
	defer broker.Close()
	relay := outbox.NewRelay(broker, store, log)
	var key []byte
	if err := await(ctx, log, "read the key of epochs", func(ctx context.Context) (err error) {
		key, err = store.EpochKey(ctx)
		return err
	}); err != nil {
		return err
	}
	epoch := orders.NewEpoch(cfg.Side, key)
	deletions, _ := orders.ParseLimit(cfg.BrakeDeletions) // Validate has read both
	replacements, _ := orders.ParseLimit(cfg.BrakeReplacements)
	var desk *peering.Desk
	brake := orders.NewBrake(deletions, replacements, cfg.BrakeWindow, func(peer string, s orders.BrakeState) { desk.BrakeTripped(ctx, peer, s) })
	desk = peering.New(peering.Options{
		Side: cfg.Side, Peers: cfg.peerNames(), Epoch: epoch, Every: cfg.ReconcileEvery, Now: now,
	}, store, brake, broker, store.PausedByPerson, log)
	if err := await(ctx, log, "read peers", desk.Load); err != nil {
		return err
	}
	keeper := outbox.NewKeeper(broker, store, relay, desk.BrokerLost, log)
	policy, _, _ := cfg.policy() // Validate has read it
	var behind Behind
	var outside orders.Outside // not a Behind that is nil
	var system admin.System
	if open != nil {
		if behind, err = open(cfg.Side, store, log); err != nil {
			return err
		}
		outside, system = behind, behind
	}
	service := orders.NewService(orders.Options{
		Side: cfg.Side, Peers: cfg.peerNames(), Sides: cfg.sides(), Policy: policy, FourEyes: cfg.FourEyes, UniqueNumbers: cfg.UniqueNumbers, Brake: brake, Judge: desk.Judge, Outside: outside, Notify: relay.Offer, Now: now,
	}, store, epoch, log)

	people := access.New(store, now, log)
	registry := newRegistry(cfg, store, relay, broker, desk)
	api := httpapi.New(service, store, desk, log)
	operators := admin.New(service, store, broker, desk, system, cfg.adminPeers(), admin.Limits{Age: cfg.AlarmAge, Deliveries: cfg.AlarmDeliveries}, now, log)
	registry.MustRegister(newAlarmFigures(operators),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orderbridge_version_elements_max", Help: "Elements of the longest version of an order that this process has stored or sent; peers take 1000.",
		}, func() float64 { return float64(service.LongestVersion().Elements) }))
	if behind != nil {
		behind.Use(service)
		registry.MustRegister(behind.Collectors()...)
	}
	router, err := newRouter(cfg, api, operators, store, broker, people, registry, log)
	if err != nil {
		return err
	}
	if behind != nil && behind.Hints() != nil {
		router.Method(http.MethodPost, SystemHintsPath, behind.Hints())
	}
	cleaner := newCleaner(cfg, store, registry, log)
	listener, err := cfg.listen(certificate)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := httpapi.NewServer(router, log)

	g, ctx := errgroup.WithContext(ctx)
	// The broker's parts go on until the last request has ended, so that its hint still goes out.
	parts, stopParts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopParts()
	g.Go(func() error { return relay.Run(parts) })
	g.Go(func() error { return keeper.Run(parts) })
	g.Go(func() error { return api.Run(parts) })
	g.Go(func() error { return cleaner.Run(parts) })
	g.Go(func() error { return forget(parts, store, log) })
	g.Go(func() error { return upgrade(parts, store, log) })
	g.Go(func() error { return desk.Run(parts) })
	if behind != nil {
		g.Go(func() error { return behind.Run(parts) })
	}
	g.Go(func() error { return people.Run(parts) })
	g.Go(func() error { return operators.Run(parts) })
	g.Go(func() error { return operators.Watch(ctx) })
	g.Go(func() error { return api.Watch(ctx) })
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		defer stopParts()
		<-ctx.Done()
		log.Info("stopping")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownGrace)
		defer cancel()
		if err := server.Shutdown(grace); err != nil {
			log.Warn("requests were cut off at the stop", zap.Error(err))
			return server.Close()
		}
		return nil
	})
	log.Info("serving", zap.String("addr", listener.Addr().String()), zap.String("epoch", service.Epoch()), zap.Bool("tls", certificate != nil), zap.Bool("embedded_broker", cfg.NatsURL == ""))
	return g.Wait()
}

// now is the clock, as fine as the database keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// prepareDatabase waits for the database and brings it to this program's schema, or makes sure that
// somebody else has.
func prepareDatabase(ctx context.Context, cfg *Config, store *postgres.Store, log *zap.Logger) error {
	if cfg.Migrate {
		return await(ctx, log, "migrate", func(ctx context.Context) error {
			_, err := store.Migrate(ctx)
			return err
		})
	}
	return await(ctx, log, "read schema version", func(ctx context.Context) error {
		current, target, err := store.SchemaVersions(ctx)
		if err == nil && current < target {
			err = fmt.Errorf("the database has schema %d and this program needs %d: run `orderbridge migrate`, or set %s_MIGRATE=true", current, target, Prefix)
		}
		return err
	})
}

// checkRights refuses a superuser, who could do more than harm this database, and warns of a user who could erase
// the audit.
func checkRights(ctx context.Context, cfg *Config, store *postgres.Store, log *zap.Logger) error {
	var rights postgres.Rights
	err := await(ctx, log, "read rights", func(ctx context.Context) (err error) {
		rights, err = store.Rights(ctx)
		return err
	})
	switch {
	case err != nil:
		return err
	case rights.Superuser && !cfg.AllowSuperuser:
		return fmt.Errorf("the user of %s_DATABASE_URL is a superuser: give the service a role of its own (docs/operations.md, Database roles), or set %s_ALLOW_SUPERUSER=true for a trial", Prefix, Prefix)
	case rights.Superuser:
		log.Warn("the database's user is a superuser")
	case rights.Truncate:
		log.Warn("the database's user owns the tables and could erase the audit: use a role of its own, see Database roles in docs/operations.md")
	}
	return nil
}

// forget drops idempotency keys and accepted batches that have served their time.
func forget(ctx context.Context, store *postgres.Store, log *zap.Logger) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := errors.Join(store.ForgetKeys(ctx, httpapi.IdempotencyTrust), store.ForgetBatches(ctx, httpapi.BatchTrust), store.ForgetProposals(ctx)); err != nil && ctx.Err() == nil {
			log.Warn("what is not needed any more cannot be dropped", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func newRouter(cfg *Config, api *httpapi.API, operators *admin.Admin, store *postgres.Store, broker *outbox.Broker,
	people *access.Access, registry *prometheus.Registry, log *zap.Logger,
) (chi.Router, error) {
	tokens := cfg.tokens(people, log)

	proxies, _ := httpapi.ParseProxies(cfg.TrustedProxies) // Validate has read it
	r := chi.NewRouter()
	r.Use(proxies.Handler, httpapi.Common(log, registry), cfg.hosts().Handler, middleware.GetHead)
	if cfg.TLSCert != "" {
		r.Use(httpapi.StrictTransport)
	}
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r.Get("/readyz", ready(store, broker))
	r.NotFound(tokens.Authenticate(http.HandlerFunc(notFound)).ServeHTTP)
	r.MethodNotAllowed(tokens.Authenticate(methodNotAllowed(r)).ServeHTTP)
	turns := httpapi.Turns()
	api.Changes(r.With(tokens.Authenticate), turns)
	r.Group(func(r chi.Router) {
		r.Use(tokens.Authenticate, turns)
		api.Routes(r)
		r.With(httpapi.Allow(access.Metrics, access.Admin)).Get("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP)
	})
	cookie := admin.Cookie{Side: cfg.Side, Insecure: cfg.InsecureCookies}
	who := admin.NewPeople(people, store, cookie, log)
	gate := admin.NewGate(tokens, people, cookie, log)
	pages, err := web.New(cfg.Side, within(api, operators, who, tokens), now, log)
	if err != nil {
		return nil, err
	}
	r.Route("/admin", func(below chi.Router) {
		below.Use(gate.Handler, admin.Allow(r, tokens), httpapi.Turns())
		below.NotFound(notFound)
		below.MethodNotAllowed(methodNotAllowed(r))
		who.Pages(below)
		below.Route("/api", func(r chi.Router) {
			operators.Routes(r, httpapi.AdminBody)
			who.Routes(r, httpapi.AdminBody)
		})
		pages.Routes(below)
	})
	r.With(gate.Handler, admin.Allow(r, tokens)).Get("/admin/api/events", operators.Events(gate.Still)) // a stream takes no turn
	r.Get("/admin/static/*", pages.Static())
	return r, nil
}

// within is the API as the pages call it, for whom the gate has let through.
func within(api *httpapi.API, operators *admin.Admin, who *admin.People, tokens *httpapi.Tokens) http.Handler {
	r := chi.NewRouter()
	r.NotFound(notFound)
	api.Routes(r)
	api.Changes(r, func(next http.Handler) http.Handler { return next })
	r.Route("/admin/api", func(below chi.Router) {
		below.Use(admin.Allow(r, tokens))
		operators.Routes(below, httpapi.AdminBody)
		who.Routes(below, httpapi.AdminBody)
	})
	return r
}

func notFound(w http.ResponseWriter, r *http.Request) {
	httpapi.WriteProblem(w, r, http.StatusNotFound, "not-found", "there is nothing at this path")
}

// methodNotAllowed answers with the methods that all's path knows.
func methodNotAllowed(all chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if all.Match(chi.NewRouteContext(), m, r.URL.Path) {
				w.Header().Add("Allow", m)
			}
		}
		httpapi.WriteProblem(w, r, http.StatusMethodNotAllowed, "method-not-allowed", "this path does not know the method")
	}
}

// readyTrust is how long an answer of the database is repeated: anybody may ask, and must not keep it
// busy by that.
const readyTrust = time.Second

// ready reports whether this process can serve. A broker that is away, or does not work, does not hold local
// work up, so it is reported but does not count.
func ready(store *postgres.Store, broker *outbox.Broker) http.HandlerFunc {
	var (
		mu    sync.Mutex
		asked time.Time
		last  error
	)
	ping := func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(asked) > readyTrust {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			last = store.Ping(ctx)
			asked = time.Now()
		}
		return last
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if err := ping(r.Context()); err != nil {
			httpapi.WriteProblem(w, r, http.StatusServiceUnavailable, "unavailable", "the database cannot be reached")
			return
		}
		if err := httpapi.WriteJSON(w, http.StatusOK, map[string]any{"database": true, "broker": broker.Working()}); err != nil {
			panic(err) // two flags always encode
		}
	}
}

func newRegistry(cfg *Config, store *postgres.Store, relay *outbox.Relay, broker *outbox.Broker, desk *peering.Desk) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(), newFigures(cfg.peerNames(), store, desk),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "orderbridge_hints_published_total", Help: "Hints that JetStream has taken."},
			func() float64 { return float64(relay.Published()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_broker_connected", Help: "1 when the broker is reachable."},
			func() float64 {
				if broker.Connected() {
					return 1
				}
				return 0
			}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_broker_working", Help: "1 when the broker takes and delivers hints."},
			func() float64 {
				if broker.Working() {
					return 1
				}
				return 0
			}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_database_connections", Help: "Connections in use."},
			func() float64 { return float64(store.Pool().AcquiredConns()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "orderbridge_database_connections_max", Help: "Connections that may be in use at once."},
			func() float64 { return float64(store.Pool().MaxConns()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orderbridge_build_info", Help: "The build that runs: always 1, with version, commit and version of Go as labels.",
			ConstLabels: settings.ThisBuild().Labels(),
		}, func() float64 { return 1 }))
	return reg
}
