package connector_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

var (
	seed  = flag.Uint64("seed", 0, "walk this seed only")
	walks = flag.Uint64("walks", 40, "how many seeds to walk, from 1 on")
)

// A walk is a history of people who edit orders at the peer and in the shop, of the connector's work, and of all that
// can go wrong, chosen at random by a seed. In the calm after it the sides and the shop have to come to rest and agree,
// and nothing that people wrote may be gone. A failure names the seed and tells the story.
const (
	walkSteps  = 40
	ordersMax  = 3
	calmRounds = 30
	calmPause  = 6 * time.Minute
)

func TestWalks(t *testing.T) {
	first, last := uint64(1), *walks
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		t.Run(strconv.FormatUint(n, 10), func(t *testing.T) {
			t.Parallel()
			if wrong := newWalk(t, n, nil).run(); wrong != "" {
				require.Fail(t, wrong, "again with -run TestWalks -seed %d", n)
			}
		})
	}
}

// habits are what may happen in a walk.
type habits struct {
	byPeer, byShop bool // who edits
	conditional    bool // the shop refuses stale writes
	rewrites       bool // the shop trims what is written
	refuses        bool
	breaks         bool // processes are killed and answers are lost
	stale          bool // reads show what was there before
	drops          bool // the connector's database is dropped
}

// strict reports whether a collision would be one that nobody caused: only one side edits, and nothing happens after
// which the connector has to take its own write for an edit.
func (h habits) strict() bool {
	return h.byPeer != h.byShop && !h.stale && !h.drops && !(h.breaks && (h.rewrites || h.refuses))
}

func anyHabits(r *rand.Rand) habits {
	who := r.IntN(4)
	return habits{
		byPeer: who != 0, byShop: who != 1, conditional: r.IntN(3) > 0, rewrites: r.IntN(3) == 0, refuses: r.IntN(3) == 0,
		breaks: r.IntN(3) > 0, stale: r.IntN(4) == 0, drops: r.IntN(8) == 0,
	}
}

type walk struct {
	*world
	*rand.Rand
	habits
	faults      *faulty
	ledger      ledger
	began       time.Time
	marks       int
	rest        string // an order of the shop that nobody touches
	restID      uuid.UUID
	uncommitted []func()
	opened      time.Time // when the oldest of the uncommitted began, by the shop's clock
	dropped     bool
	deleted     []uuid.UUID // by people
	story       strings.Builder
}

func newWalk(t *testing.T, seed uint64, m *mutant) *walk {
	r := rand.New(rand.NewPCG(seed, 0))
	w := &walk{world: emptyWorld(t), Rand: r, ledger: ledger{seen: map[string]bool{}}, began: clock(), habits: anyHabits(r)}
	if m != nil {
		w.habits = m.in
	}
	w.log = zap.NewNop()
	w.shop.conditional = w.conditional
	w.shop.whole = seed%2 == 0
	w.shop.traits.Resolution, w.shop.traits.Concurrency = 3*time.Second, 1
	if w.rewrites {
		w.shop.rewrite = func(o *contracts.Order) { o.CustomerNote = strings.TrimSpace(o.CustomerNote) }
	}
	var ticks time.Duration
	w.clock = func() time.Time {
		ticks += time.Millisecond
		return w.began.Add(ticks)
	}
	w.faults = newFaulty(w.shop)
	w.faults.clock = func() time.Time { return w.began.Add(w.waits) }
	w.faults.edit = func() { w.tell("  (the shop edits: %s)", w.shopEdits()) }
	w.system = w.faults
	w.records = func(r connector.Records) connector.Records { return records{r, w.faults} }
	if m != nil && m.system != nil {
		w.system = m.system(w.faults)
	}
	if m != nil && m.mapping != nil {
		w.mapping = m.mapping(w.mapping)
	}
	w.start()
	w.rest = w.shop.place("rest")
	w.restID = idIn(w.rest, w.shop.orders[w.rest])
	w.sweep()
	return w
}

func (w *walk) tell(format string, args ...any) { fmt.Fprintf(&w.story, format+"\n", args...) }

// run returns what went wrong, with the story of it; or nothing.
func (w *walk) run() string {
	w.tell("%+v", w.habits)
	for range walkSteps {
		if wrong := w.step(); wrong != "" {
			return w.story.String() + wrong
		}
	}
	if wrong := w.calm(); wrong != "" {
		return w.story.String() + wrong
	}
	return ""
}

// deed is something that happens. It returns what, or nothing when it cannot.
type deed struct {
	weight int
	do     func(*walk) string
}

// people are the deeds of people, machines those of the connector and of the bridge, during which something may go
// wrong.
var (
	people = []deed{
		{2, (*walk).peerCreates},
		{2, (*walk).shopPlaces},
		{10, (*walk).peerEdits},
		{10, (*walk).shopEdits},
		{1, (*walk).shopTouches},
		{1, (*walk).peerDeletes},
		{1, (*walk).shopDeletes},
		{2, (*walk).commits},
		{3, (*walk).passes},
		{1, (*walk).drop},
	}
	machines = []deed{
		{8, func(w *walk) string { return w.carries(w.peer, w.shadow) }},
		{6, func(w *walk) string { return w.carries(w.shadow, w.peer) }},
		{6, (*walk).polls},
		{2, (*walk).sweeps},
		{2, func(w *walk) string { return w.resolves(w.peer) }},
		{2, func(w *walk) string { return w.resolves(w.shadow) }},
		{1, func(w *walk) string { return w.retries(w.peer) }},
		{1, func(w *walk) string { return w.retries(w.shadow) }},
		{1, (*walk).restarts},
	}
)

func (w *walk) any(list []deed) deed {
	all := 0
	for _, d := range list {
		all += d.weight
	}
	n := w.IntN(all)
	for _, d := range list {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("not reached")
}

func (w *walk) step() string {
	const tries = 100
	for range tries {
		if w.IntN(2) == 0 {
			if did := w.any(people).do(w); did != "" {
				w.tell("%s", did)
				return ""
			}
			continue
		}
		d := w.any(machines)
		if w.shopNow().Sub(w.opened) > 20*time.Second {
			w.commits()
		}
		w.mayFail()
		did := d.do(w)
		if did == "" {
			continue
		}
		if w.faults.happened {
			did += fmt.Sprintf(" [%s, at %d]", w.faults.fault, w.faults.at)
		}
		w.tell("%s", did)
		if w.faults.dead() || strings.Contains(did, errCrash.Error()) {
			w.tell("the connector starts again")
			w.faults.plan(nothingWrong, 0, "")
			w.restarts()
		}
		if w.faults.tooSoon {
			return "the shop was called earlier than it wanted"
		}
		w.faults.plan(nothingWrong, 0, "")
		return w.unasked()
	}
	return "nothing more happens"
}

// unasked returns what was deleted at the peer without a person who did it.
func (w *walk) unasked() string {
	_, deleted := w.ids(w.peer)
	for _, id := range deleted {
		if !slices.Contains(w.deleted, id) {
			return fmt.Sprintf("a deletion of %s which nobody did", id)
		}
	}
	return ""
}

// mayFail chooses what goes wrong in a step.
func (w *walk) mayFail() {
	w.crash = ""
	list := []fault{nothingWrong, nothingWrong, nothingWrong, nothingWrong, quota, unlisted, allGone}
	if w.strict() && w.rewrites { // after an interruption nobody knows who rewrote it
		list = []fault{nothingWrong, unlisted}
	}
	if w.byShop {
		list = append(list, editedMeanwhile, editedMeanwhile)
	}
	if w.stale {
		list = append(list, staleRead, staleRead, staleRead)
	}
	if w.breaks {
		list = append(list, lostBefore, lostAfter, crashed, crashed)
		if w.byShop && w.byPeer {
			list = append(list, delayed, delayed)
		}
		if w.IntN(5) == 0 {
			w.crash = connector.Points[w.IntN(len(connector.Points))]
		}
	}
	if w.refuses && w.byPeer && !w.strict() { // what is left of it collides with what was wanted
		list = append(list, halfRefused, halfRefused, halfRefused, halfRefused)
		if w.breaks {
			list = append(list, halfLost, halfLost)
		}
	}
	is := list[w.IntN(len(list))]
	at := 1 + w.IntN(6)
	if is == crashed {
		at = 1 + w.IntN(12)
	}
	omitted := ""
	if ids := w.foreignIDs(); len(ids) > 0 {
		omitted = ids[w.IntN(len(ids))]
	}
	w.faults.plan(is, at, omitted)
}

func (w *walk) mark() int {
	w.marks++
	return 100 + w.marks
}

func (w *walk) shopNow() time.Time { return w.shop.now }

// foreignIDs are the orders of the shop that people work on.
func (w *walk) foreignIDs() (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(w.shop.orders)) {
		if id != w.rest {
			ids = append(ids, id)
		}
	}
	return ids
}

// ids are the orders that a side has, but for the one that nobody touches.
func (w *walk) ids(s *side) (present, deleted []uuid.UUID) {
	for _, gone := range []bool{false, true} {
		list, _, err := s.service.List(w.t.Context(), orders.Query{Limit: 100, Deleted: gone})
		require.NoError(w.t, err)
		for _, st := range list {
			if gone {
				deleted = append(deleted, st.ID)
			} else if st.ID != w.restID {
				present = append(present, st.ID)
			}
		}
	}
	byID := func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(present, byID)
	slices.SortFunc(deleted, byID)
	return present, deleted
}

// full reports whether there are as many orders as there should be.
func (w *walk) full() bool {
	present, deleted := w.ids(w.peer)
	return len(present)+len(deleted)+len(w.foreignIDs()) >= ordersMax
}

func (w *walk) newOrder(number string) contracts.Order {
	o := newOrder(number)
	o.CustomerNote = fmt.Sprint("n", w.mark())
	o.Lines[0].Quantity = int64(w.mark())
	o.Customer.Email = fmt.Sprintf("c%d@example.com", w.mark())
	return o
}

func (w *walk) peerCreates() string {
	if !w.byPeer || w.full() {
		return ""
	}
	o := w.newOrder(fmt.Sprint("P-", w.mark()))
	w.ledger.wrote(nil, valuesOf(&o))
	st, _, err := w.peer.service.Create(w.t.Context(), w.peer.by(), &o, nil)
	require.NoError(w.t, err)
	return fmt.Sprintf("the peer creates %s: %v", st.ID, valuesOf(&o))
}

func (w *walk) shopPlaces() string {
	if !w.byShop || w.full() {
		return ""
	}
	id := w.shop.place(fmt.Sprint("S-", w.mark()))
	o := w.newOrder(w.shop.orders[id].order.OrderNumber)
	w.shop.orders[id].order = o
	w.ledger.wrote(nil, valuesOf(&o))
	return fmt.Sprintf("the shop has a new order %s: %v", id, valuesOf(&o))
}

// edited changes one field of an order.
func (w *walk) edited(o *contracts.Order, atPeer bool) {
	switch n := w.mark(); w.IntN(6) {
	case 0:
		o.Lines[w.IntN(len(o.Lines))].Quantity = int64(n)
	case 1:
		o.Lines = append(slices.Clone(o.Lines), contracts.Line{SKU: fmt.Sprint("L", n), Name: "Pear", Quantity: int64(n), UnitPriceMinor: 50})
	case 2:
		if len(o.Lines) > 1 {
			at := w.IntN(len(o.Lines))
			o.Lines = slices.Delete(slices.Clone(o.Lines), at, at+1)
			return
		}
		o.Lines[0].Quantity = int64(n)
	case 3:
		if atPeer {
			o.InternalNote = fmt.Sprint("i", n)
			return
		}
		o.CustomerNote = fmt.Sprint("n", n)
	case 4:
		list := []contracts.OrderStatus{contracts.StatusPending, contracts.StatusProcessing, contracts.StatusCompleted}
		o.Status = list[w.IntN(len(list))]
	default:
		o.CustomerNote = fmt.Sprint("n", n)
		if atPeer && w.refuses && w.IntN(4) == 0 {
			o.CustomerNote = fmt.Sprint("refuse me ", n)
		}
		if atPeer && w.rewrites && w.IntN(2) == 0 {
			o.CustomerNote += " "
		}
	}
}

func (w *walk) peerEdits() string {
	present, _ := w.ids(w.peer)
	if !w.byPeer || len(present) == 0 {
		return ""
	}
	id := present[w.IntN(len(present))]
	var before, after []string
	w.peer.edit(id, func(o *contracts.Order) {
		before = valuesOf(o)
		w.edited(o, true)
		for w.refuses && w.IntN(2) == 0 { // more than one field, which may be refused half-way
			w.edited(o, true)
		}
		after = valuesOf(o)
	})
	w.ledger.wrote(before, after)
	return fmt.Sprintf("the peer edits %s: %v", id, after)
}

// shopEdits edits an order in the shop. Some edits show no time, and some are seen only later than their time.
func (w *walk) shopEdits() string {
	ids := slices.DeleteFunc(w.foreignIDs(), func(id string) bool { return w.shop.orders[id].trash })
	if !w.byShop || len(ids) == 0 {
		return ""
	}
	id := ids[w.IntN(len(ids))]
	at, how := w.shop.tick(), w.IntN(8)
	do := func() []string {
		o := w.shop.orders[id]
		if o == nil || o.trash {
			return nil
		}
		modified := o.modified
		before := valuesOf(&o.order)
		w.shop.change(id, func(o *shopOrder) { w.shopEdited(o) })
		switch how {
		case 0:
			o.modified = modified
		case 1:
			o.modified = at
		}
		w.ledger.wrote(before, valuesOf(&o.order))
		return valuesOf(&o.order)
	}
	switch how {
	case 0:
		return fmt.Sprintf("the shop edits %s without a time: %v", id, do())
	case 1:
		if len(w.uncommitted) == 0 {
			w.opened = w.shopNow()
		}
		w.uncommitted = append(w.uncommitted, func() { w.tell("committed now: %v", do()) })
		return fmt.Sprintf("the shop edits %s, and will commit later", id)
	}
	return fmt.Sprintf("the shop edits %s: %v", id, do())
}

// shopEdited edits an order, and keeps the shop's own ids of its lines.
func (w *walk) shopEdited(o *shopOrder) {
	was := map[string]string{}
	for i, l := range o.order.Lines {
		was[l.SKU] = o.lines[i]
	}
	w.edited(&o.order, false)
	o.lines = nil
	for _, l := range o.order.Lines {
		id, ok := was[l.SKU]
		if !ok {
			w.shop.next++
			id = strconv.Itoa(w.shop.next)
		}
		o.lines = append(o.lines, id)
	}
}

func (w *walk) commits() string {
	n := len(w.uncommitted)
	list := w.uncommitted
	w.uncommitted = nil
	for _, commit := range list {
		commit()
	}
	n += len(w.faults.late)
	w.faults.deliver()
	if n == 0 {
		return ""
	}
	return "what was late has its effect"
}

func (w *walk) shopTouches() string {
	ids := w.foreignIDs()
	if len(ids) == 0 {
		return ""
	}
	id := ids[w.IntN(len(ids))]
	w.shop.change(id, func(*shopOrder) {})
	return "someone looks at " + id + " in the shop, which touches its time"
}

func (w *walk) peerDeletes() string {
	present, _ := w.ids(w.peer)
	if !w.byPeer || len(present) == 0 {
		return ""
	}
	id := present[w.IntN(len(present))]
	w.ledger.wrote(valuesOf(w.peer.order(id)), nil)
	require.NoError(w.t, w.peer.service.Delete(w.t.Context(), w.peer.by(), id, orders.Condition{IfMatch: orders.Tags{"*"}}))
	w.deleted = append(w.deleted, id)
	return fmt.Sprintf("the peer deletes %s", id)
}

func (w *walk) shopDeletes() string {
	ids := w.foreignIDs()
	if !w.byShop || len(ids) == 0 {
		return ""
	}
	id := ids[w.IntN(len(ids))]
	o := w.shop.orders[id]
	w.ledger.wrote(valuesOf(&o.order), nil)
	if st := w.shadow.find(idIn(id, o)); st != nil { // what only lives here goes with it
		w.ledger.wrote(w.valuesIn(st.Body, st.Head.Deleted), nil)
	}
	w.deleted = append(w.deleted, idIn(id, o))
	if w.IntN(2) == 0 {
		w.shop.change(id, func(o *shopOrder) { o.trash = true })
		return "the shop moves " + id + " into the trash"
	}
	w.shop.remove(id)
	return "the shop deletes " + id
}

// idIn is our id of an order of the shop.
func idIn(foreignID string, o *shopOrder) uuid.UUID {
	if o.ref != "" {
		return uuid.MustParse(o.ref)
	}
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceURL, []byte("orderbridge:s")), []byte(foreignID))
}

// passes lets time pass. Where no collision may come up it is less than the connector waits for a sender to come back.
func (w *walk) passes() string {
	list := []time.Duration{20 * time.Second, time.Minute, 11 * time.Minute}
	if w.strict() {
		list = list[:2]
	}
	d := list[w.IntN(len(list))]
	if w.strict() && w.waits+d > 9*time.Minute {
		return ""
	}
	w.commits()
	w.pass(d)
	return fmt.Sprintf("%s pass", d)
}

func (w *walk) pass(d time.Duration) {
	w.waits += d
	w.shop.now = w.shop.now.Add(d)
}

// restarts starts the connector again.
func (w *walk) restarts() string {
	w.start()
	return "the connector starts again"
}

func (w *walk) drop() string {
	if !w.drops || w.dropped {
		return ""
	}
	w.dropped = true
	w.faults.alone = time.Time{}
	w.store = openStore(w.t, database(w.t))
	w.start()
	return "the connector's database is dropped"
}

// carries carries what is due, each order for itself.
func (w *walk) carries(from, to *side) string {
	due := from.due()
	if due == nil {
		return ""
	}
	did := fmt.Sprintf("from %s to %s:", from.name, to.name)
	w.faults.carrying = true
	defer func() { w.faults.carrying = false }()
	for _, id := range due {
		found, _, err := from.service.Lookup(w.t.Context(), to.name, []uuid.UUID{id}, false, 1<<20)
		require.NoError(w.t, err)
		lost := w.breaks && w.IntN(10) == 0
		err = send(from, to, found, lost)
		did += fmt.Sprintf(" %s %s", id, outcome(err))
		if lost {
			did += " (answer lost)"
		}
		if errors.Is(err, errCrash) || w.faults.dead() {
			break
		}
	}
	return did
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return "(" + err.Error() + ")"
}

// waits reports whether the connector leaves the shop alone now.
func (w *walk) alone() bool { return w.faults.clock().Before(w.faults.alone) }

func (w *walk) polls() string {
	if w.alone() {
		return ""
	}
	return "a poll: " + outcome(w.connector.Poll(w.t.Context()))
}

func (w *walk) sweeps() string {
	if w.alone() {
		return ""
	}
	return "a sweep: " + outcome(w.connector.Sweep(w.t.Context()))
}

// resolves resolves a collision as a person does who sees both versions.
func (w *walk) resolves(s *side) string {
	if w.strict() {
		return ""
	}
	for _, id := range w.all() {
		c, err := s.service.Collision(w.t.Context(), id, s.peer)
		if err != nil {
			continue
		}
		take := []string{"ours", "theirs", "merged"}[w.IntN(3)]
		ours, theirs := w.valuesIn(c.Ours.Body, c.Ours.Head.Deleted), w.valuesIn(c.Theirs.Body, c.Theirs.Head.Deleted)
		after := ours
		switch {
		case take == "theirs":
			after = theirs
		case take == "merged" && (c.Merged == nil || len(c.Contested()) > 0):
			return ""
		case take == "merged":
			after = valuesOf(c.Merged)
		}
		writes := w.writes()
		_, err = s.service.Settle(w.t.Context(), s.by(), id, s.peer, take, c.Tag(), false)
		if err == nil || s == w.shadow && w.writes() > writes {
			w.ledger.wrote(slices.Concat(ours, theirs), after)
		}
		return fmt.Sprintf("%s resolves %s with %s: %s", s.name, id, take, outcome(err))
	}
	return ""
}

func (w *walk) retries(s *side) string {
	for _, id := range w.all() {
		st, err := s.service.Get(w.t.Context(), id)
		if err != nil || st.Link(s.peer).State != ordersync.Error && st.Link(s.peer).State != ordersync.ErrorSynced {
			continue
		}
		_, err = s.service.Retry(w.t.Context(), s.by(), id, s.peer)
		return fmt.Sprintf("%s retries %s: %s", s.name, id, outcome(err))
	}
	return ""
}

func (w *walk) valuesIn(body []byte, deleted bool) []string {
	if deleted || body == nil {
		return nil
	}
	return valuesOf(decode(w.t, body))
}

// all lists the orders of both sides.
func (w *walk) all() []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var list []uuid.UUID
	for _, s := range []*side{w.peer, w.shadow} {
		present, deleted := w.ids(s)
		for _, id := range slices.Concat(present, deleted) {
			if !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	return list
}

// calm ends the faults, and lets the sides work until nothing is due. Then nothing may be written any more.
func (w *walk) calm() string {
	w.crash = ""
	w.faults.plan(nothingWrong, 0, "")
	w.commits()
	w.tell("calm")
	for n := 1; ; n++ {
		did, quiet := w.round(n)
		if wrong := w.unasked(); wrong != "" {
			return wrong
		}
		if quiet && n >= 5 {
			break
		}
		if n == calmRounds {
			return did + "\nthe sides do not come to rest"
		}
	}
	if wrong := w.wrong(); wrong != "" {
		return wrong
	}
	writes := w.writes()
	for n := range 2 {
		if did, quiet := w.round(n); !quiet {
			return did + "\nthe sides do not stay at rest"
		}
	}
	if w.writes() != writes {
		return "the shop is written to when nothing is due"
	}
	return ""
}

// writes counts the writes that had, or will have, their effect.
func (w *walk) writes() int {
	return w.shop.count("update") + w.shop.count("create") + len(w.faults.late)
}

// round is one round of the calm. It reports whether nothing is left to do.
func (w *walk) round(n int) (did string, quiet bool) {
	w.pass(calmPause)
	if n == 3 {
		w.pass(25 * time.Hour) // what waits for the peer waits a day
	}
	ctx := w.t.Context()
	list := []string{}
	note := func(what string, err error) {
		if err != nil {
			list = append(list, what+" "+outcome(err))
		}
	}
	note("poll", w.connector.Poll(ctx))
	if w.shadow.due() != nil { // before a sweep sees what the poll did not
		list = append(list, w.carries(w.shadow, w.peer))
	}
	if n%2 == 1 {
		note("sweep", w.connector.Sweep(ctx))
	}
	if n == 2 && w.dropped { // as a reconciliation does
		for _, id := range w.all() {
			found, _, err := w.peer.service.Lookup(ctx, "s", []uuid.UUID{id}, true, 1<<20)
			require.NoError(w.t, err)
			note("resend", send(w.peer, w.shadow, found, false))
		}
	}
	if w.shadow.due() != nil {
		list = append(list, w.carries(w.shadow, w.peer))
	}
	if w.peer.due() != nil {
		list = append(list, w.carries(w.peer, w.shadow))
	}
	records := w.store.Connector()
	_, intents, err := records.Intents(ctx, 1)
	require.NoError(w.t, err)
	missing, err := records.Missing(ctx, 1)
	require.NoError(w.t, err)
	if intents > 0 || len(missing) > 0 {
		list = append(list, fmt.Sprintf("%d intents, %d missing", intents, len(missing)))
	}
	did = strings.Join(list, "; ")
	w.tell("%d: %s", n, did)
	return did, len(list) == 0 && w.shadow.due() == nil && w.peer.due() == nil
}

// wrong returns what is wrong with a world at rest.
func (w *walk) wrong() string {
	var is []string
	for _, id := range w.all() {
		a, b := w.shadow.find(id), w.peer.find(id)
		for _, side := range []struct {
			st   *orders.Stored
			peer string
		}{{a, "p"}, {b, "s"}} {
			if side.st == nil {
				continue
			}
			link := side.st.Link(side.peer)
			is = append(is, w.valuesIn(side.st.Body, side.st.Head.Deleted)...)
			if link.Theirs != nil {
				is = append(is, w.valuesIn(link.TheirsBody, link.Theirs.Deleted)...)
			}
		}
		rec, err := w.store.Connector().Record(w.t.Context(), id)
		require.NoError(w.t, err)
		if wrong := w.apart(a, b, rec); wrong != "" {
			return fmt.Sprintf("order %s, %s in the shop: %s", id, rec.ForeignID, wrong)
		}
		if w.strict() && slices.Contains(w.deleted, id) && !b.Head.Deleted {
			return fmt.Sprintf("order %s was deleted at the peer, and is there again", id)
		}
		if wrong := w.shadows(a, rec); wrong != "" {
			return fmt.Sprintf("order %s, %s in the shop: %s", id, rec.ForeignID, wrong)
		}
	}
	refs := map[string]string{}
	for _, foreignID := range w.foreignIDs() {
		o := w.shop.orders[foreignID]
		if other, twice := refs[o.ref]; twice && o.ref != "" {
			return fmt.Sprintf("the orders %s and %s of the shop are one of ours", foreignID, other)
		}
		refs[o.ref] = foreignID
		rec, err := w.store.Connector().RecordOf(w.t.Context(), foreignID)
		require.NoError(w.t, err)
		if rec == nil && !o.trash {
			return fmt.Sprintf("the order %s of the shop is not known", foreignID)
		}
	}
	if lost := w.ledger.lost(is, w.faults.window); lost != nil {
		return fmt.Sprintf("lost: %v", lost)
	}
	return ""
}

// apart returns how two sides disagree on an order without a conflict that shows it to people.
func (w *walk) apart(a, b *orders.Stored, rec *connector.Record) string {
	switch {
	case a == nil && (rec.Fault != "" || b.Link("s").Reason != ""):
		return ""
	case a == nil:
		return "the shadow does not have it"
	case b == nil:
		return "the peer does not have it"
	}
	la, lb := a.Link("p"), b.Link("s")
	states := fmt.Sprintf("%s and %s", la.State, lb.State)
	switch {
	case la.State.Settled() && lb.State.Settled():
		if a.Head.Fingerprint != b.Head.Fingerprint || a.Head.Version.Compare(b.Head.Version) != ordersync.Equal {
			return states + ", and they hold different versions"
		}
	case w.dropped && lb.State == ordersync.Collision && lb.Theirs != nil && (lb.Theirs.Deleted || lb.TheirsBody != nil):
		// What the peer keeps may be all that is left of a version that the connector lost, so the case stays.
	case la.State == ordersync.Collision && lb.State == ordersync.Collision:
		switch {
		case w.strict():
			return "a collision that nobody caused"
		case la.Theirs == nil || lb.Theirs == nil || la.Theirs.Fingerprint != b.Head.Fingerprint || lb.Theirs.Fingerprint != a.Head.Fingerprint:
			return "a collision in which one does not have what the other holds"
		case !la.Theirs.Deleted && la.TheirsBody == nil || !lb.Theirs.Deleted && lb.TheirsBody == nil:
			return "a collision without a content"
		}
	case (la.State == ordersync.ErrorSynced || lb.State == ordersync.ErrorSynced) && la.Reason+lb.Reason != "":
	default:
		return states
	}
	return ""
}

// shadows returns how the shadow of an order differs from what the shop holds.
func (w *walk) shadows(a *orders.Stored, rec *connector.Record) string {
	o := w.shop.orders[rec.ForeignID]
	switch {
	case a == nil || rec.Fault != "":
	case a.Head.Deleted && (o == nil || o.trash):
	case o == nil:
		return "the shop does not have it"
	case o.trash && !a.Head.Deleted:
		return "it is deleted in the shop, and not in the shadow"
	default:
		var kept *contracts.Order
		want := rec.DeletedAs
		if !a.Head.Deleted {
			kept, want = decode(w.t, a.Body), a.Head.Fingerprint
		}
		is, _, err := w.mapping.Read(w.shop.document(rec.ForeignID, o), rec.OrderID, kept, rec.Lines)
		require.NoError(w.t, err)
		seen, err := orders.NewSeen(is)
		require.NoError(w.t, err)
		if seen.Content.Fingerprint != want {
			return fmt.Sprintf("the shop holds %v, and the shadow %v", valuesOf(&o.order), w.valuesIn(a.Body, a.Head.Deleted))
		}
	}
	return ""
}
