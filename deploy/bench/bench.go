//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// sizes of a run.
type sizes struct {
	Orders  int           `json:"orders"`    // that are edited and drain
	Rounds  int           `json:"rounds"`    // of the drain, with each number of orders in the tables
	Many    int           `json:"many"`      // orders in the tables at the repetition
	Copy    int           `json:"copy"`      // orders of the first copy; 0: none
	Single  int           `json:"single"`    // writes of the one-by-one floor of a drain
	Rate    int           `json:"rate"`      // edits a second while the time until visible is taken
	Visible time.Duration `json:"visibleNs"` // how long
	Writers int           `json:"writers"`   // connections that make the backlog
	Pages   int           `json:"pages"`     // orders in the tables while the admin's pages are timed, instead of the rest; 0: the rest
	Shop    int           `json:"shop"`      // orders of a simulated shop to which a connector writes, instead of the rest; 0: the rest
	AtOnce  int           `json:"atOnce"`    // calls of the shop at once
	Calls   int           `json:"calls"`     // of each page, besides the first
	Dir     string        `json:"-"`         // for the temporary folder
}

var (
	fullSizes  = sizes{Orders: 20_000, Rounds: 3, Many: 300_000, Copy: 100_000, Single: 1_000, Rate: 200, Visible: 30 * time.Second, Writers: 8, AtOnce: 4, Calls: 50}
	quickSizes = sizes{Orders: 5_000, Rounds: 1, Many: 60_000, Copy: 20_000, Single: 500, Rate: 200, Visible: 10 * time.Second, Writers: 8, AtOnce: 4, Calls: 20}
)

// flags lets each size be chosen; -quick chooses all at once and is given first.
func (s *sizes) flags(f *flag.FlagSet) {
	f.BoolFunc("quick", "a smaller run, of some 80 seconds; other flags come after it", func(string) error {
		dir := s.Dir
		*s = quickSizes
		s.Dir = dir
		return nil
	})
	f.IntVar(&s.Orders, "orders", s.Orders, "orders that are edited and drain")
	f.IntVar(&s.Rounds, "rounds", s.Rounds, "drains with each number of orders in the tables")
	f.IntVar(&s.Many, "many", s.Many, "orders in the tables when the drain is repeated; 0: do not repeat it")
	f.IntVar(&s.Copy, "copy", s.Copy, "orders of the first copy, after which both sides are proved equal; 0: none")
	f.IntVar(&s.Single, "single", s.Single, "writes of the one-by-one floor beside each drain")
	f.IntVar(&s.Rate, "rate", s.Rate, "edits a second while the time until visible is taken")
	f.DurationVar(&s.Visible, "visible", s.Visible, "how long the time until visible is taken")
	f.IntVar(&s.Writers, "writers", s.Writers, "connections that make the backlog")
	f.IntVar(&s.Pages, "pages", s.Pages, "time the admin's pages, and nothing else, with so many orders in the tables; 0: time the rest")
	f.IntVar(&s.Shop, "shop", s.Shop, "measure a connector to a simulated shop with so many orders, and nothing else; 0: measure the rest")
	f.IntVar(&s.AtOnce, "at-once", s.AtOnce, "calls of the shop at once")
	f.IntVar(&s.Calls, "calls", s.Calls, "calls of each page, besides the first")
	f.StringVar(&s.Dir, "dir", os.TempDir(), "where to make the temporary folder: on a real disk, or durability costs nothing")
}

func (s *sizes) validate() error {
	switch {
	case s.Shop < 0 || s.AtOnce < 1:
		return errors.New("-shop must not be below 0, and -at-once above 0")
	case s.Pages != 0 && s.Pages < pagesMin || s.Calls < 1:
		return fmt.Errorf("-pages must be 0 or at least %d, and -calls above 0", pagesMin)
	case s.Orders < chunkSize || s.Rounds < 1 || s.Rate < 1 || s.Writers < 1 || s.Single < 1 || s.Visible < time.Second:
		return fmt.Errorf("sizes must be above 0, -orders at least %d, -visible at least 1s", chunkSize)
	case s.Single > s.Orders || s.Copy < 0 || s.Many != 0 && s.Many < s.Orders+s.Copy:
		return errors.New("-single must not be above -orders, and -many not below -orders and -copy together")
	case s.edits(s.Visible) > s.Orders:
		return errors.New("-rate times -visible must not be above -orders: every edit is of another order")
	case s.edits(s.Visible/4) < 1:
		return errors.New("-rate times -visible must be 4 or more: the floor is timed for a quarter of the time")
	}
	return nil
}

// edits is how many the paced writer makes in a time.
func (s *sizes) edits(d time.Duration) int { return int(d.Seconds() * float64(s.Rate)) }

// bench is one that runs.
type bench struct {
	sizes
	*plant
	started  time.Time
	repeats  int      // rounds that did not count
	revision int      // of the contents written last
	versions []string // of the orders that are edited, as both sides have them
	floorAt  []string // the same of the floor's tables: the time of the last write
}

// run measures everything.
func run(ctx context.Context, s sizes) (_ *result, err error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	b := &bench{sizes: s, started: time.Now()}
	if b.plant, err = newPlant(s.Dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.plant.remove()) }()
	r := &result{Sizes: s, Started: b.started.UTC().Truncate(time.Second)}
	measure := b.measure
	if b.Pages > 0 {
		measure = b.measurePages
	}
	if b.Shop > 0 {
		measure = b.measureShop
	}
	if err := measure(ctx, r); err != nil {
		return nil, b.plant.explain(err)
	}
	r.Seconds = time.Since(b.started).Seconds()
	return r, nil
}

func (b *bench) measure(ctx context.Context, r *result) (err error) {
	b.say("building and starting both sides")
	if err := b.plant.start(ctx); err != nil {
		return err
	}
	if r.Machine, err = readMachine(ctx, b.plant); err != nil {
		return err
	}
	if r.OrderBytes, r.EntryBytes, err = orderSizes(); err != nil {
		return err
	}
	b.say("bringing in %d orders", b.Orders)
	if err := b.fill(ctx, 0, b.Orders); err != nil {
		return err
	}
	if r.Chain, err = b.chain(ctx); err != nil {
		return fmt.Errorf("drain from the outbox: %w", err)
	}
	if r.Few, err = b.drains(ctx, b.Orders); err != nil {
		return err
	}
	if r.Visible, err = b.visible(ctx); err != nil {
		return err
	}
	if r.TwoWay, err = b.twoWay(ctx); err != nil {
		return err
	}
	if b.Copy > 0 {
		b.say("bringing %d more in at a", b.Copy)
		if r.Copy, err = b.copyFirst(ctx, b.Orders, b.Orders+b.Copy); err != nil {
			return err
		}
		if r.Equality, err = b.prove(ctx, b.Orders+b.Copy); err != nil {
			return err
		}
	}
	if b.Many > 0 {
		b.say("bringing in %d more", b.Many-b.Orders-b.Copy)
		if err := b.fill(ctx, b.Orders+b.Copy, b.Many); err != nil {
			return err
		}
		if r.Many, err = b.drains(ctx, b.Many); err != nil {
			return err
		}
	}
	if r.Machine.LoadAfter, err = readLoad(); err != nil {
		return err
	}
	r.Memory, err = b.plant.memory()
	return err
}

// say prints progress, away from the results.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}
