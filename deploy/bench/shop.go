//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	simulated "github.com/orderbridge/orderbridge/deploy/shop/shop"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/rest"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

const (
	shopLatency = time.Millisecond // of each call
	shopConns   = 16               // to the database
	shopBatch   = 20               // entries of a request of the peer's bridge
	shopBatches = 4                // requests at once
	shopPoll    = 10 * time.Second // as by default
	shopIdle    = 30 * time.Second
	shopEdits   = 4000 // orders that are edited, however many there are
)

// shopFigures are what a connector does against a simulated shop in this process.
type shopFigures struct {
	Orders    int     `json:"orders"`
	AtOnce    int     `json:"atOnce"` // calls
	Import    float64 `json:"import"` // orders a second, at the first reading
	PerSecond float64 `json:"perSecond"`
	Floor     float64 `json:"floor"`   // of a loop that does GET, PUT, GET with as many calls at once
	Apart     float64 `json:"apart"`   // the slower of the two loops, compared with the faster one
	Calls     float64 `json:"calls"`   // of the shop for each order
	EditCPU   float64 `json:"editCpu"` // milliseconds for an order, of this process (the shop is in it) and the database
	FloorCPU  float64 `json:"floorCpu"`
	// While nothing changes.
	PollCalls  float64 `json:"pollCalls"` // of one poll
	PollCPU    float64 `json:"pollCpu"`   // milliseconds
	SweepCalls int     `json:"sweepCalls"`
	SweepTook  float64 `json:"sweepTook"` // seconds
	SweepCPU   float64 `json:"sweepCpu"`  // milliseconds for an order
}

// shopBench is a connector with its side, and the shop.
type shopBench struct {
	atOnce    int
	shop      *simulated.Shop
	url       string
	system    foreign.System
	connector *connector.Connector
	service   *orders.Service
	records   connector.Records
	database  int // process
	loops     int // that were run
}

// measureShop has a connector write edits of a peer to a shop, and read the shop when nothing changes.
func (b *bench) measureShop(ctx context.Context, r *result) (err error) {
	b.say("starting a database and a shop with %d orders", b.Shop)
	if err := b.a.startDatabase(ctx); err != nil {
		return err
	}
	if r.Machine, err = readMachine(ctx, b.plant); err != nil {
		return err
	}
	s, stop, err := b.openShop(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	f := &shopFigures{Orders: b.Shop, AtOnce: b.AtOnce}
	b.say("reading all orders for the first time")
	end, took, err := s.run(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	f.Import = float64(b.Shop) / took.Seconds()
	if err := s.through(ctx, b, f); err != nil {
		return err
	}
	b.say("nothing changes")
	if err := s.idle(ctx, f); err != nil {
		return err
	}
	b.say("reading all orders again")
	if err := end(); err != nil {
		return err
	}
	end = func() error { return nil }
	s.shop.ClearCalls()
	m, err := s.meter()
	if err != nil {
		return err
	}
	if end, took, err = s.run(ctx); err != nil {
		return err
	}
	u, err := m.stop(b.Shop)
	if err != nil {
		return err
	}
	f.SweepCalls, f.SweepTook, f.SweepCPU = s.shop.Total(), took.Seconds(), u.total()
	r.Shop = f
	r.Machine.LoadAfter, err = readLoad()
	return err
}

// run starts the connector, and waits until it has read all orders. End stops it.
func (s *shopBench) run(ctx context.Context) (end func() error, took time.Duration, err error) {
	working, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	start := time.Now()
	go func() { ran <- s.connector.Run(working) }()
	end = func() error {
		cancel()
		return <-ran
	}
	for {
		status, err := s.connector.Status(ctx)
		if err == nil && status.FailingSince != nil {
			err = fmt.Errorf("the shop cannot be read: %s", status.Failure)
		}
		if err != nil {
			return nil, 0, errors.Join(err, end())
		}
		if status.Imported && status.SweepEnded != nil && !status.SweepEnded.Before(start) {
			return end, time.Since(start), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// meter counts processor time from here on.
func (s *shopBench) meter() (*meter, error) {
	m := &meter{parts: []part{{"postgres", s.database}, {name: "bench"}}}
	var err error
	if m.cpu, err = m.read(); err != nil {
		return nil, err
	}
	m.began = time.Now()
	return m, nil
}

// through measures what a peer's edits take, and the floor just before and just after.
func (s *shopBench) through(ctx context.Context, b *bench, f *shopFigures) error {
	n := min(shopEdits, b.Shop)
	b.say("the floor")
	before, err := s.loop(ctx, n)
	if err != nil {
		return err
	}
	if err := s.sweepBehind(ctx, n); err != nil {
		return err
	}
	in, err := s.entries(ctx, n)
	if err != nil {
		return err
	}
	b.say("edits of a peer")
	s.shop.ClearCalls()
	m, err := s.meter()
	if err != nil {
		return err
	}
	if err := s.receive(ctx, in); err != nil {
		return err
	}
	u, err := m.stop(n)
	if err != nil {
		return err
	}
	f.PerSecond, f.EditCPU, f.Calls = float64(n)/u.elapsed.Seconds(), u.total(), float64(s.shop.Total())/float64(n)
	b.say("the floor again")
	after, err := s.loop(ctx, n)
	if err != nil {
		return err
	}
	slow, fast := min(before.rate(n), after.rate(n)), max(before.rate(n), after.rate(n))
	f.Floor, f.Apart, f.FloorCPU = 2/(1/slow+1/fast), slow/fast, (before.total()+after.total())/2
	return nil
}

// rate is how many of n orders were done a second.
func (u usage) rate(n int) float64 { return float64(n) / u.elapsed.Seconds() }

func (b *bench) openShop(ctx context.Context) (s *shopBench, stop func() error, err error) {
	s = &shopBench{atOnce: b.AtOnce, database: b.a.cluster.PID()}
	if s.shop, err = simulated.New(simulated.Options{Nasty: simulated.Nasty{Latency: shopLatency}}); err != nil {
		return nil, nil, err
	}
	if err := s.shop.Seed(b.Shop); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s.url = "http://" + l.Addr().String()
	server := &http.Server{Handler: s.shop, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // until it is closed
	store, err := postgres.Open(ctx, b.a.cluster.URL(systemName), shopConns)
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	stop = func() error {
		store.Close()
		s.shop.Close()
		return server.Close()
	}
	if err := s.open(ctx, store); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	return s, stop, nil
}

func (s *shopBench) open(ctx context.Context, store *postgres.Store) error {
	if _, err := store.Migrate(ctx); err != nil {
		return err
	}
	key, err := store.EpochKey(ctx)
	if err != nil {
		return err
	}
	mapping, err := profiles.Load("woocommerce")
	if err != nil {
		return err
	}
	if s.system, err = rest.New(mapping, rest.Config{Address: s.url, Rate: 1e6, AtOnce: s.atOnce}); err != nil {
		return err
	}
	now := func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	s.records = store.Connector()
	s.connector = connector.New(connector.Options{Side: "b", Mode: connector.On, Poll: shopPoll, Gone: time.Minute, Now: now}, s.system, mapping, s.records, zap.NewNop())
	s.service = orders.NewService(orders.Options{
		Side: "b", Peers: []string{"a"}, Outside: s.connector, Now: now, Notify: func([]orders.Hint) {},
		Brake: orders.NewBrake(orders.Limit{}, orders.Limit{}, time.Minute, func(string, orders.BrakeState) {}),
		Judge: func(context.Context, string, []ordersync.Dot) ([]ordersync.Dot, error) { return nil, nil },
	}, store, orders.NewEpoch("b", key), zap.NewNop())
	s.connector.Use(s.service)
	return nil
}

// loop writes a note into n orders of the shop as a program without care does: GET, PUT, GET.
func (s *shopBench) loop(ctx context.Context, n int) (u usage, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.atOnce}}
	call := func(method, path, body string) error {
		r, err := http.NewRequestWithContext(ctx, method, s.url+"/wp-json/wc/v3"+path, bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
		}
		return err
	}
	s.loops++
	note := fmt.Sprintf(`{"customer_note":"by the loop, %d"}`, s.loops)
	m, err := s.meter()
	if err != nil {
		return u, err
	}
	g := new(errgroup.Group)
	g.SetLimit(s.atOnce)
	for _, o := range s.shop.Orders()[:n] {
		path := "/orders/" + strconv.FormatInt(o.ID, 10)
		g.Go(func() error {
			if err := call(http.MethodGet, path, ""); err != nil {
				return err
			}
			if err := call(http.MethodPut, path, note); err != nil {
				return err
			}
			return call(http.MethodGet, path, "")
		})
	}
	if err := g.Wait(); err != nil {
		return u, err
	}
	return m.stop(n)
}

// sweepBehind has the connector read what the loop changed, which is not part of the figure.
func (s *shopBench) sweepBehind(ctx context.Context, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.atOnce)
	for _, o := range s.shop.Orders()[:n] {
		g.Go(func() error { return s.connector.Look(ctx, strconv.FormatInt(o.ID, 10)) })
	}
	return g.Wait()
}

// entries are those of a peer that edited the shop's first n orders.
func (s *shopBench) entries(ctx context.Context, n int) (in []orders.Received, err error) {
	for _, o := range s.shop.Orders()[:n] {
		rec, err := s.records.RecordOf(ctx, strconv.FormatInt(o.ID, 10))
		if err != nil {
			return nil, err
		}
		one, err := s.edited(ctx, rec.OrderID, int64(len(in)+1))
		if err != nil {
			return nil, err
		}
		in = append(in, *one)
	}
	return in, nil
}

// receive sends the entries of a peer as its bridge does.
func (s *shopBench) receive(ctx context.Context, in []orders.Received) error {
	var wrong atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(shopBatches)
	for len(in) > 0 {
		batch := in[:min(shopBatch, len(in))]
		in = in[len(batch):]
		g.Go(func() error {
			out, err := s.service.Receive(ctx, orders.By{Actor: "peer:a"}, "a", batch)
			for _, p := range out {
				if p.Link.State != ordersync.OK {
					wrong.Add(1)
				}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if n := wrong.Load(); n > 0 {
		return fmt.Errorf("%d orders are not OK", n)
	}
	return nil
}

// edited is the entry of a peer that changed the note of an order.
func (s *shopBench) edited(ctx context.Context, id uuid.UUID, n int64) (*orders.Received, error) {
	st, err := s.service.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	o := new(contracts.Order)
	if err := strictjson.Decode(st.Body, o); err != nil {
		return nil, err
	}
	o.CustomerNote = "by the peer"
	version := st.Head.Version.With(ordersync.Dot{Key: "a.bench", N: n})
	fingerprint := orders.Fingerprint(o)
	content, raw, refusal := orders.TakeContent(o, nil, fingerprint)
	if refusal != "" {
		return nil, errors.New(refusal)
	}
	return &orders.Received{ID: id, Content: content, Raw: raw, Entry: ordersync.Entry{State: ordersync.Upd, Head: ordersync.Head{Version: version, Fingerprint: fingerprint}}}, nil
}

// idle counts what a poll takes while nothing changes. What was just written is listed for a while, by polls that take
// longer then: it begins when none lists more than a page.
func (s *shopBench) idle(ctx context.Context, f *shopFigures) error {
	const quiet, waits = 2, 30
	for range waits {
		s.shop.ClearCalls()
		if err := sleep(ctx, shopPoll+shopPoll/2); err != nil {
			return err
		}
		if calls := s.shop.Total(); calls > 0 && calls <= 2*quiet {
			break
		}
	}
	s.shop.ClearCalls()
	m, err := s.meter()
	if err != nil {
		return err
	}
	if err := sleep(ctx, shopIdle); err != nil {
		return err
	}
	polls := int(shopIdle / shopPoll)
	u, err := m.stop(polls)
	f.PollCalls, f.PollCPU = float64(s.shop.Total())/float64(polls), u.total()
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// shop prints what was measured of a connector.
func (p *printer) shop(f *shopFigures) {
	p.title("CONNECTOR to a simulated shop with %s orders, 1 ms a call, %d calls at once", number(float64(f.Orders)), f.AtOnce)
	p.row("first reading, orders/s", number(f.Import))
	p.row("edits of a peer written through, orders/s", number(f.PerSecond), fmt.Sprintf("%.2f calls each", f.Calls))
	p.row("floor, GET, PUT, GET in a loop, orders/s", number(f.Floor), fmt.Sprintf("before and after it, %.2f of each other", f.Apart))
	p.row("  of the floor", fmt.Sprintf("%.2f", f.PerSecond/f.Floor), shopGoal.verdict(f.PerSecond/f.Floor))
	p.row("CPU of an edit, with the shop and the database, ms", fmt.Sprintf("%.2f", f.EditCPU), fmt.Sprintf("floor, with the shop: %.2f", f.FloorCPU))
	p.row("calls of a poll while nothing changes", fmt.Sprintf("%.1f", f.PollCalls), fmt.Sprintf("%.1f ms CPU", f.PollCPU))
	p.row("reading all again, calls", number(float64(f.SweepCalls)), fmt.Sprintf("%.1f s, %.2f ms CPU an order", f.SweepTook, f.SweepCPU))
}
