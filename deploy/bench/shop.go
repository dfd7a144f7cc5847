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
)

// shopFigures are what a connector does against a simulated shop in this process.
type shopFigures struct {
	Orders    int     `json:"orders"`
	AtOnce    int     `json:"atOnce"` // calls
	Import    float64 `json:"import"` // orders a second, at the first reading
	PerSecond float64 `json:"perSecond"`
	Floor     float64 `json:"floor"`     // of a loop that does GET, PUT, GET with as many calls at once
	Calls     float64 `json:"calls"`     // of the shop for each order
	PollCalls float64 `json:"pollCalls"` // of one poll while nothing changes
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
	working, end := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- s.connector.Run(working) }()
	defer func() {
		end()
		err = errors.Join(err, <-ran)
	}()
	start := time.Now()
	for {
		status, err := s.connector.Status(ctx)
		if err != nil {
			return err
		}
		if status.Imported {
			break
		}
		if status.FailingSince != nil {
			return fmt.Errorf("the shop cannot be read: %s", status.Failure)
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Import = float64(b.Shop) / time.Since(start).Seconds()
	b.say("the floor")
	if f.Floor, err = s.loop(ctx); err != nil {
		return err
	}
	b.say("edits of a peer")
	s.shop.ClearCalls()
	if f.PerSecond, err = s.edits(ctx); err != nil {
		return err
	}
	f.Calls = float64(s.shop.Total()) / float64(b.Shop)
	b.say("nothing changes")
	if f.PollCalls, err = s.idle(ctx); err != nil {
		return err
	}
	r.Shop = f
	r.Machine.LoadAfter, err = readLoad()
	return err
}

func (b *bench) openShop(ctx context.Context) (s *shopBench, stop func() error, err error) {
	s = &shopBench{atOnce: b.AtOnce}
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

// loop writes a note into every order of the shop as a program without care does: GET, PUT, GET.
func (s *shopBench) loop(ctx context.Context) (perSecond float64, err error) {
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
	list := s.shop.Orders()
	start := time.Now()
	g := new(errgroup.Group)
	g.SetLimit(s.atOnce)
	for _, o := range list {
		path := "/orders/" + strconv.FormatInt(o.ID, 10)
		g.Go(func() error {
			if err := call(http.MethodGet, path, ""); err != nil {
				return err
			}
			if err := call(http.MethodPut, path, `{"customer_note":"by the loop"}`); err != nil {
				return err
			}
			return call(http.MethodGet, path, "")
		})
	}
	if err := g.Wait(); err != nil {
		return 0, err
	}
	return float64(len(list)) / time.Since(start).Seconds(), s.sweepBehind(ctx)
}

// sweepBehind has the connector read what the loop changed, which is not part of the figure.
func (s *shopBench) sweepBehind(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.atOnce)
	for _, o := range s.shop.Orders() {
		g.Go(func() error { return s.connector.Look(ctx, strconv.FormatInt(o.ID, 10)) })
	}
	return g.Wait()
}

// edits has a peer edit every order, and sends the entries as its bridge does.
func (s *shopBench) edits(ctx context.Context) (perSecond float64, err error) {
	var in []orders.Received
	for after := uuid.Nil; ; {
		heads, err := s.service.Heads(ctx, after, uuid.UUID{}, 1000)
		if err != nil {
			return 0, err
		}
		if len(heads) == 0 || heads[0].ID == after && len(heads) == 1 {
			break
		}
		for _, h := range heads {
			if h.ID == after {
				continue
			}
			after = h.ID
			one, err := s.edited(ctx, h.ID, int64(len(in)+1))
			if err != nil {
				return 0, err
			}
			in = append(in, *one)
		}
	}
	var wrong atomic.Int64
	start := time.Now()
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
		return 0, err
	}
	took := time.Since(start).Seconds()
	if n := wrong.Load(); n > 0 {
		return 0, fmt.Errorf("%d orders are not OK", n)
	}
	return float64(len(s.shop.Orders())) / took, nil
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

// idle counts the calls of a poll while nothing changes.
func (s *shopBench) idle(ctx context.Context) (calls float64, err error) {
	if err := sleep(ctx, 3*shopPoll+shopPoll/2); err != nil { // what was just written is listed for a while, and read once more
		return 0, err
	}
	s.shop.ClearCalls()
	if err := sleep(ctx, shopIdle); err != nil {
		return 0, err
	}
	return float64(s.shop.Total()) / (shopIdle.Seconds() / shopPoll.Seconds()), nil
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
	p.row("floor, GET, PUT, GET in a loop, orders/s", number(f.Floor))
	p.row("  of the floor", fmt.Sprintf("%.2f", f.PerSecond/f.Floor), shopGoal.verdict(f.PerSecond/f.Floor))
	p.row("calls of a poll while nothing changes", fmt.Sprintf("%.1f", f.PollCalls))
}
