//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
)

// pagesMin is how many orders it takes for every model to be copied, and for lists to have a next page.
const pagesMin = 50_000

// called is what one page or call cost, at the client, in milliseconds.
type called struct {
	Name  string  `json:"name"`
	Bytes int     `json:"bytes"`   // of the answer's body
	First float64 `json:"firstMs"` // after the start of the service
	percentiles
	Max float64 `json:"maxMs"`
}

// measurePages fills side a by itself, without a bridge or another side, and calls its admin.
func (b *bench) measurePages(ctx context.Context, r *result) (err error) {
	b.say("building and starting side a")
	if err := b.startAlone(ctx); err != nil {
		return err
	}
	if r.Machine, err = readMachine(ctx, b.plant); err != nil {
		return err
	}
	if err := makeModels(ctx, b.a); err != nil {
		return err
	}
	if err := b.recordActions(ctx); err != nil {
		return err
	}
	if err := b.a.service.Stop(); err != nil {
		return err
	}
	b.say("copying orders until there are %d", b.Pages)
	if err := copyAll(ctx, b.a.system.work, b.Pages); err != nil {
		return err
	}
	b.say("restarting the service, and waiting until each pending order has its hint")
	if err := b.hintAll(ctx); err != nil {
		return err
	}
	places, err := findPlaces(ctx, b.a.system.work)
	if err != nil {
		return err
	}
	b.say("calling every page, first once and then %d times", b.Calls)
	if r.Pages, err = b.callAll(ctx, calls(places)); err != nil {
		return err
	}
	if r.Machine.LoadAfter, err = readLoad(); err != nil {
		return err
	}
	r.Memory, err = b.plant.memory()
	return err
}

// startAlone brings side a's database and service up.
func (b *bench) startAlone(ctx context.Context) error {
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.a.startDatabase(ctx); err != nil {
		return err
	}
	return b.startAgain(ctx)
}

func (b *bench) startAgain(ctx context.Context) error {
	if err := b.a.startService(b.binary, b.b); err != nil {
		return err
	}
	return b.awaitService(ctx, b.a)
}

// recordActions does what the audit and the list of reconciliations tell of.
func (b *bench) recordActions(ctx context.Context) error {
	ask, err := strictjson.Encode(contracts.ReconciliationRequest{Peer: "b"})
	if err != nil {
		return err
	}
	header, _, err := b.a.call(ctx, request{method: http.MethodPost, path: "/admin/api/reconciliations", token: b.a.tokens.admin, body: ask})
	if err != nil {
		return err
	}
	if _, _, err := b.a.call(ctx, request{method: http.MethodPost, path: header.Get("Location") + "/drop", token: b.a.tokens.admin}); err != nil {
		return err
	}
	if err := b.a.pause(ctx, b.b); err != nil {
		return err
	}
	return b.a.resume(ctx, b.b)
}

// hintAll lets a service tell its broker of all that waits, and starts another one: what its first calls
// cost is not mixed with that.
func (b *bench) hintAll(ctx context.Context) error {
	if err := b.startAgain(ctx); err != nil {
		return err
	}
	var due int64
	if err := b.a.system.work.QueryRow(ctx, `SELECT count(*) FROM links WHERE state NOT IN (3, 5) AND due`).Scan(&due); err != nil {
		return err
	}
	err := until(ctx, settlePatience, pollBacklog, fmt.Sprintf("%d hints are in the broker", due), func() (bool, error) {
		outbox, hints, err := b.a.backlog(ctx)
		return outbox == 0 && hints >= due, err
	})
	if err != nil {
		return err
	}
	if err := b.a.service.Stop(); err != nil {
		return err
	}
	return b.startAgain(ctx)
}

// callAll makes each call once, and then all of them again and again.
func (b *bench) callAll(ctx context.Context, list []pageCall) ([]called, error) {
	out, times := make([]called, len(list)), make([][]time.Duration, len(list))
	for round := range 1 + b.Calls {
		for i, c := range list {
			began := time.Now()
			_, body, err := b.a.call(ctx, request{method: c.method, path: c.path, token: b.a.tokens.admin, body: c.body})
			took := time.Since(began)
			if err != nil {
				return nil, err
			}
			if round == 0 {
				out[i] = called{Name: c.name, Bytes: len(body), First: milliseconds(took)}
				continue
			}
			times[i] = append(times[i], took)
		}
	}
	for i := range out {
		out[i].percentiles, out[i].Max = percentilesOf(times[i]), milliseconds(slices.Max(times[i]))
	}
	return out, nil
}

// pages prints what each page cost.
func (p *printer) pages(list []called, s sizes) {
	p.title("PAGES AND CALLS of the admin with %s orders, one after the other over loopback; first after the start, then %d times",
		number(float64(s.Pages)), s.Calls)
	p.row("ms", "first", "p50", "p99", "max", "bytes", "goal for p99")
	for _, c := range list {
		ms := func(f float64) string { return fmt.Sprintf("%.1f", f) }
		p.row(c.Name, ms(c.First), ms(c.P50), ms(c.P99), ms(c.Max), number(float64(c.Bytes)), pageGoal.verdict(c.P99))
	}
}
