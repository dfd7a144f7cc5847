package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/orders"
)

const (
	yes     = "yes"
	no      = "no"
	unclear = "unclear"
)

// probe tries on one scratch order what the system does.
type probe struct {
	c     *Connector
	id    uuid.UUID
	want  *contracts.Order
	doc   *foreign.Document
	lines foreign.Lines
	steps []contracts.ProbeStep
}

func (p *probe) note(what, result, format string, args ...any) {
	p.steps = append(p.steps, contracts.ProbeStep{What: what, Result: result, Detail: fmt.Sprintf(format, args...)})
}

// Probe creates a scratch order in the system, tries on it what the level rests on, deletes it, and keeps the result.
// The order's number begins with PROBE. SKU and currency are those of the scratch order: some systems take only
// products that they know.
func (c *Connector) Probe(ctx context.Context, sku, currency string) (*contracts.SystemProbe, error) {
	if err := c.mayWrite(); err != nil {
		return nil, err
	}
	p := &probe{c: c, id: uuid.New()}
	copy(p.id[:], scratchMark)
	p.want = scratch(p.id, sku, currency, c.o.Now())
	if err := p.run(context.WithoutCancel(ctx)); err != nil { // or the scratch order would be left there
		return nil, c.carryFailed(ctx, &Record{OrderID: p.id}, err)
	}
	out := &contracts.SystemProbe{At: c.o.Now(), Level: p.level(), Steps: p.steps}
	stored, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode probe: %w", err)
	}
	c.log.Info("probed the system", zap.String("level", out.Level))
	return out, c.records.SaveProbe(ctx, stored)
}

// scratchMark begins the reference of a scratch order, which is no order of ours however long the system keeps it.
const scratchMark = "probe"

func isScratch(id uuid.UUID) bool { return string(id[:len(scratchMark)]) == scratchMark }

func scratch(id uuid.UUID, sku, currency string, now time.Time) *contracts.Order {
	address := contracts.Address{Name: "Probe", Line1: "Street 1", City: "Town", PostalCode: "12345", Country: "DE"}
	o := &contracts.Order{
		ID: id.String(), OrderNumber: "PROBE-" + id.String()[:8], Source: "web", Status: contracts.StatusPending, Currency: currency,
		Customer: contracts.Customer{Name: "Probe", Email: "probe@example.com"}, BillingAddress: &address, ShippingAddress: &address,
		Lines: []contracts.Line{{LineID: uuid.NewString(), SKU: sku, Name: "Probe", Quantity: 1, UnitPriceMinor: 100}}, CustomerNote: "first",
	}
	orders.WithDefaults(o, now.Truncate(time.Second))
	return o
}

func (p *probe) run(ctx context.Context) (err error) {
	began, err := p.c.system.Now(ctx)
	if err != nil {
		return err
	}
	local := p.c.o.Now()
	p.note("clocks agree", when(began.Sub(local).Abs() < time.Minute), "the system's is %s ahead", began.Sub(local).Round(time.Second))
	edit, err := p.c.mapping.Write(nil, p.want, nil)
	if err != nil {
		return err
	}
	foreignID, err := p.c.system.Create(ctx, p.id, edit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.delete(ctx, foreignID)) }()
	if p.doc, err = p.c.system.Get(ctx, foreignID); err != nil {
		return fmt.Errorf("read the scratch order %s: %w", foreignID, err)
	}
	if p.want, p.lines, err = p.c.mapping.Read(p.doc, p.id, p.want, nil); err != nil {
		return err
	}
	hits, err := p.c.system.Find(ctx, p.id)
	if err != nil {
		return err
	}
	p.note("an order is found by our reference", when(slices.Equal(hits, []string{foreignID})), "orders: %v", hits)
	for _, step := range []func(context.Context) error{p.reads, p.conditional, p.listed, p.absent} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func when(ok bool) string {
	if ok {
		return yes
	}
	return no
}

// reads tries whether a read shows the write before it, whether a write leaves the rest alone, and line ids stay.
func (p *probe) reads(ctx context.Context) error {
	before := p.doc
	if err := p.write(ctx, before, "second"); err != nil {
		return err
	}
	after, err := p.c.system.Get(ctx, before.ID)
	if err != nil {
		return err
	}
	is, lines, err := p.c.mapping.Read(after, p.id, p.want, p.lines)
	if err != nil {
		return err
	}
	p.note("a read shows the write before it", when(is.CustomerNote == "second"), "customer note: %q", is.CustomerNote)
	is.CustomerNote = p.want.CustomerNote
	var others []string
	for key, value := range before.Body {
		if now, ok := after.Body[key]; !ok {
			others = append(others, key)
		} else if reflect.TypeOf(now) != reflect.TypeOf(value) && value != nil && now != nil {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	other := differences(is, p.want)
	p.note("a write leaves other fields alone", when(other == nil && others == nil), "changed: %v %v", other, others)
	p.note("ids of lines stay", when(sameLines(lines, p.lines)), "")
	p.doc, p.want.CustomerNote = after, "second"
	return nil
}

func (p *probe) write(ctx context.Context, doc *foreign.Document, note string) error {
	want := *p.want
	want.CustomerNote = note
	edit, err := p.c.mapping.Write(doc, &want, p.lines)
	if err != nil {
		return err
	}
	return p.c.system.Update(ctx, doc, edit)
}

// conditional tries whether a write that rests on a stale read is refused.
func (p *probe) conditional(ctx context.Context) error {
	stale := p.doc
	if err := p.write(ctx, stale, "third"); err != nil {
		return err
	}
	err := p.write(ctx, stale, "fourth")
	if err != nil && !errors.Is(err, foreign.ErrStale) {
		return err
	}
	p.note("a write that rests on a stale read is refused", when(errors.Is(err, foreign.ErrStale)), "")
	p.doc, err = p.c.system.Get(ctx, stale.ID)
	return err
}

// listed tries whether the list of changes has the order, and only when it changed.
func (p *probe) listed(ctx context.Context) error {
	now, err := p.c.system.Now(ctx)
	if err != nil {
		return err
	}
	in := func(from, until time.Time) (found bool, err error) {
		err = p.c.system.Changed(ctx, from, until, func(one foreign.Candidate) error {
			found = found || one.ID == p.doc.ID
			return nil
		})
		return found, err
	}
	t := p.c.system.Traits()
	found, err := in(now.Add(-t.Late-2*t.Resolution-time.Minute), now.Add(t.Resolution))
	if err != nil {
		return err
	}
	p.note("the list of changes has it", when(found), "")
	found, err = in(now.Add(10*time.Minute), now.Add(20*time.Minute))
	if err != nil {
		return err
	}
	p.note("and not for a time after it", when(!found), "a zone that is read wrongly shows here")
	return nil
}

// absent tries how the system says that it does not have an order.
func (p *probe) absent(ctx context.Context) error {
	_, err := p.c.system.Get(ctx, absentID)
	switch {
	case errors.Is(err, foreign.ErrGone):
		p.note("it says when it does not have an order", yes, "")
	case err == nil:
		p.note("it says when it does not have an order", unclear, "there is an order %s", absentID)
	default:
		p.note("it says when it does not have an order", no, "%v", err)
	}
	return nil
}

// absentID is an id that hardly any system has given.
const absentID = "2147483646"

// delete deletes the scratch order.
func (p *probe) delete(ctx context.Context, foreignID string) error {
	doc, err := p.c.system.Get(ctx, foreignID)
	if err != nil {
		return fmt.Errorf("the scratch order %s is left in the system: %w", foreignID, err)
	}
	edit, err := p.c.mapping.Delete(doc)
	if err == nil {
		err = p.c.system.Update(ctx, doc, edit)
	}
	if err != nil {
		return fmt.Errorf("the scratch order %s is left in the system: %w", foreignID, err)
	}
	return nil
}

// level is what follows from the steps.
func (p *probe) level() string {
	did := func(what string) bool {
		return slices.ContainsFunc(p.steps, func(s contracts.ProbeStep) bool { return s.What == what && s.Result == yes })
	}
	switch {
	case !did("a read shows the write before it") || !did("a write leaves other fields alone"):
		return contracts.LevelBestEffort
	case did("a write that rests on a stale read is refused"):
		return contracts.LevelLossless
	}
	return contracts.LevelDetects
}
