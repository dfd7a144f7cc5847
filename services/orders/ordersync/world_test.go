package ordersync

import (
	"fmt"
	"slices"
)

// The world of the model: two sides, each with its service, broker and bridge, and the network
// between them. A world is three numbers, since its parts are kept once and compared by number: that
// is what makes millions of worlds affordable.

type observer func(Record, Entry) Outcome

// bounds say what may happen in a world, and how often. What people do is bounded by the number of
// contents they write; whatever a network or a broker may do is not bounded at all.
type bounds struct {
	name       string
	edits      [2]int // contents that people of a side write, deletions and resolutions included
	common     bool   // people of both sides may write the same content
	refuses    bool   // side b refuses a content, begins to accept it and refuses it again
	inFlight   int    // letters of one kind from one side on the wire at a time
	brokerLoss bool   // brokers lose their store
	noHeal     bool   // nobody looks for what is due and has no hint
	restores   int    // times that a side is put back to an earlier state, or to nothing
	reconciles bool
	noResolve  bool

	ackAtPublish bool // mutant: a hint is gone as soon as the request is sent
	keepEpoch    bool // mutant: no new epoch after a restore
	numbersAhead bool // with keepEpoch: the numbers are not given out again, there is a gap
}

// side is one side; the holdings are numbers of model.holdings.
type side struct {
	holds, backup         uint32
	written               uint8 // contents written, whatever was restored since
	log, backupLog        uint8 // number of the newest write in the log
	epoch, restored       uint8
	hint, accepts, behind bool // behind: was restored, and not reconciled yet
}

// mail is what is on the wire: for each kind and sending side letter<<1, the lowest bit tells that
// the hint which led to it is still the one in the stream. Zero is no letter.
type mail [2][2][maxInFlight]uint32

const (
	maxInFlight = 3
	request     = 0
	answer      = 1 // of mail[answer][s] side s is the one who asked
)

// world is one state of everything: numbers of model.sides and model.mails.
type world struct{ a, b, mail uint32 }

// model keeps every part of every world once.
type model struct {
	bounds
	decide   observer
	holdings table[string, holding]
	letters  table[string, letter]
	sides    table[side, side]
	mails    table[mail, mail]
	observed map[[2]uint32]result
	told     map[[2]uint32]uint32
}

type result struct {
	holds      uint32
	hint, deaf bool
	rule       Rule
	wrong      string
}

// table numbers values.
type table[K comparable, V any] struct {
	ids    map[K]uint32
	values []V
}

func (t *table[K, V]) id(k K, v V) uint32 {
	if id, ok := t.ids[k]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[K]uint32{}
	}
	id := uint32(len(t.values))
	t.ids[k] = id
	t.values = append(t.values, v)
	return id
}

func newModel(b bounds, decide observer) *model {
	m := &model{bounds: b, decide: decide, observed: map[[2]uint32]result{}, told: map[[2]uint32]uint32{}}
	m.holding(holding{})
	m.letter(letter{}) // number 0 stays unused
	return m
}

func (m *model) holding(h holding) uint32 {
	key := fmt.Sprint(h.text(), h.Agreed, h.content, h.kept, h.seen, h.theirs, h.joined)
	return m.holdings.id(key, h)
}

func (m *model) letter(l letter) uint32 {
	return m.letters.id(fmt.Sprint(l.text(), l.content, l.seen), l)
}

func (m *model) start() world {
	s := m.sides.id(side{}, side{})
	return world{a: s, b: s, mail: m.mails.id(mail{}, mail{})}
}

// open is a world taken apart, to change it.
type open struct {
	m     *model
	s     [2]side
	mail  mail
	wrong string // what must never happen happened
}

func (m *model) open(w world) open {
	return open{m: m, s: [2]side{m.sides.values[w.a], m.sides.values[w.b]}, mail: m.mails.values[w.mail]}
}

func (o *open) close() world {
	for k := range o.mail {
		for s := range o.mail[k] {
			slices.Sort(o.mail[k][s][:o.m.inFlight])
		}
	}
	return world{
		a: o.m.sides.id(o.s[0], o.s[0]), b: o.m.sides.id(o.s[1], o.s[1]),
		mail: o.m.mails.id(o.mail, o.mail),
	}
}

func (o *open) holds(s int) holding { return o.m.holdings.values[o.s[s].holds] }

// accepts: side a accepts everything.
func (o *open) accepts(s int) bool { return s == 0 || !o.m.refuses || o.s[s].accepts }

// observe lets a side observe a letter.
func (o *open) observe(s int, l uint32) result {
	accepts := uint32(0)
	if o.accepts(s) {
		accepts = 1
	}
	key := [2]uint32{o.s[s].holds, l<<1 | accepts}
	r, ok := o.m.observed[key]
	if !ok {
		got := observe(o.m.decide, o.holds(s), o.m.letters.values[l], accepts == 1)
		r = result{holds: o.m.holding(got.holding), hint: got.hint, deaf: got.deaf, rule: got.rule, wrong: got.wrong}
		o.m.observed[key] = r
	}
	o.s[s].holds = r.holds
	o.fail(r.wrong)
	return r
}

func (o *open) fail(wrong string) {
	if o.wrong == "" {
		o.wrong = wrong
	}
}

// tell is the letter that a side writes of its order; asked is the letter it answers, or 0.
func (o *open) tell(s int, asked uint32) uint32 {
	key := [2]uint32{o.s[s].holds, asked}
	if l, ok := o.m.told[key]; ok {
		return l
	}
	var to *letter
	if asked != 0 {
		to = &o.m.letters.values[asked]
	}
	l := o.m.letter(entryOf(o.holds(s), to))
	o.m.told[key] = l
	return l
}

// hint puts a hint into the stream; the newest replaces an older one, so an older one's
// acknowledgement no longer takes anything away.
func (o *open) hint(s int) {
	o.s[s].hint = true
	o.detach(s)
}

// ack takes the hint out of the stream.
func (o *open) ack(s int) {
	o.s[s].hint = false
	o.detach(s)
}

func (o *open) detach(s int) {
	for k := range o.mail {
		for i := range o.mail[k][s] {
			o.mail[k][s][i] &^= 1
		}
	}
}

// post puts a letter on the wire; it reports false when the wire is full. The same letter twice is no
// more than one that is delivered twice.
func (o *open) post(kind, s int, l uint32, current bool) bool {
	c := uint32(0)
	if current {
		c = 1
	}
	slots := o.mail[kind][s][:o.m.inFlight]
	for i := range slots {
		if slots[i]>>1 == l {
			slots[i] |= c
			return true
		}
	}
	for i := range slots {
		if slots[i] == 0 {
			slots[i] = l<<1 | c
			return true
		}
	}
	return false
}

// restores counts how often a side was put back.
func (o *open) restores() int { return int(o.s[0].restored + o.s[1].restored) }
