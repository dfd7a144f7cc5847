package ordersync

import (
	"fmt"
	"slices"
	"strings"
)

// The world of the model: two sides, each with its service, broker and bridge, and the wire between
// them. Every part of a world is kept once and stands for itself by number, so a world is one
// number: that is what makes millions of them affordable.

type observer func(Record, Entry) Outcome

// bounds say what may happen in a world. What people do is bounded by the number of contents that
// they write, and restores are counted; what the wire and the brokers may do is not bounded at all.
type bounds struct {
	name         string
	edits        [2]int // contents that people of a side write, deletions and resolutions included
	common       bool   // people of both sides may write the same content
	refuses      bool   // side b refuses a content, accepts it some time, and may refuse it again
	door         bool   // side b's door refuses a content
	lateTexts    bool   // the content of an answer is read after the observation, as package orders does it
	inFlight     int    // letters of one kind from one side on the wire at a time; 0 is 1
	brokerLoss   bool   // brokers lose their store
	noHeal       bool   // nobody looks for what is due and has no hint
	restores     int    // times that a side is put back to an earlier state, or to nothing
	noDup        bool   // nothing comes twice
	noReconcile  bool   // nobody reconciles after a restore
	merges       bool   // people of a side switch merging on and off; contents have two fields
	restarts     int    // times that a process of a side is started anew, and takes a new epoch
	calmRestarts bool   // only while nothing is under way and all of the side is settled
	limits       limits // of a version; else those of the service
	mutant       mutant
}

// forgets reports whether letters may come that are older than what a version still lists.
func (b *bounds) forgets() bool { return b.limits != (limits{}) && !b.calmRestarts }

// mutant is a fault of the service around the core, for mutants_test.go.
type mutant uint8

const (
	ackAtPublish  mutant = iota + 1 // a hint is gone as soon as the request is sent
	keepEpoch                       // no new epoch after a restore: numbers are given out again
	skipNumbers                     // no new epoch after a restore, but the numbers skip what was lost
	mergeOnAgreed                   // the base of a merge is what was agreed last, as far as this side knows
	tellNoAgreed                    // a peer is not told the heads of what was agreed
	leaveHeads                      // old elements that the peer has acknowledged go, though they may be heads
)

// side is one side of a world; holds and backup are numbers of holdings.
type side struct {
	holds, backup         uint32
	written               uint8 // contents written, whatever was restored since
	log, backupLog        uint8 // number of the newest write in the log
	epoch, restored       uint8
	restarted             uint8
	hint, accepts, behind bool // behind: something was restored and not reconciled yet
	merges                bool
}

// mail is what is on the wire: for each kind and asking side letter<<1; the lowest bit tells that
// the hint which led to it is still the one in the stream. Zero is no letter.
type mail [3][2][inFlightMax]uint16

const (
	inFlightMax = 2

	request = 0
	reading = 1 // observed, and the answer is not written yet (lateTexts)
	answer  = 2
)

// model keeps every part of every world once.
type model struct {
	bounds
	decide   observer
	holdings table[string, holding]
	letters  table[string, letter]
	sides    table[side, side]
	mails    table[mail, mail]
	told     map[[2]uint32]uint16     // what a holding answers to a letter
	seen     map[[3]uint32]seenLetter // what became of a holding that saw a letter
	done     [2][][]personal          // what people can do at a side
	rules    map[Rule]bool            // that decided something
}

type seenLetter struct {
	holds        uint32
	hint, merged bool
	wrong        string
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
	b.inFlight = max(b.inFlight, 1)
	m := &model{
		bounds: b, decide: decide,
		told: map[[2]uint32]uint16{}, seen: map[[3]uint32]seenLetter{}, rules: map[Rule]bool{},
	}
	m.holding(holding{})
	m.letter(letter{}) // no letter has number 0
	m.sides.id(side{}, side{})
	m.mails.id(mail{}, mail{})
	return m
}

func (m *model) holding(h holding) uint32 {
	return m.holdings.id(fmt.Sprint(h.text(), h.Agreed, h.content, h.kept, h.seen, h.theirs, h.joined, h.past), h)
}

func (m *model) letter(l letter) uint16 {
	id := m.letters.id(fmt.Sprint(l.text(), l.seen), l)
	if id >= 1<<15 {
		panic("there have become too many letters for their numbers")
	}
	return uint16(id)
}

// world is one state of everything: the numbers of its sides and of its mail. World 0 is the start.
type world uint64

const sideBits, mailBits = 20, 24

// open is a world taken apart, to change it.
type open struct {
	m     *model
	ids   [2]uint32
	s     [2]side
	mail  mail
	was   uint32
	wrong string // what must never happen happened
}

func (m *model) open(w world) open {
	a, b := uint32(w>>(sideBits+mailBits)), uint32(w>>mailBits)&(1<<sideBits-1)
	was := uint32(w) & (1<<mailBits - 1)
	return open{m: m, ids: [2]uint32{a, b}, s: [2]side{m.sides.values[a], m.sides.values[b]}, mail: m.mails.values[was], was: was}
}

func (o *open) close() world {
	m := o.m
	for k := range o.mail {
		for s := range o.mail[k] {
			if m.inFlight > 1 {
				slices.Sort(o.mail[k][s][:m.inFlight])
			}
		}
	}
	ids, mail := o.ids, o.was
	for s := range ids {
		if o.s[s] != m.sides.values[ids[s]] {
			ids[s] = m.sides.id(o.s[s], o.s[s])
		}
	}
	if o.mail != m.mails.values[mail] {
		mail = m.mails.id(o.mail, o.mail)
	}
	if max(ids[0], ids[1]) >= 1<<sideBits || mail >= 1<<mailBits {
		panic("a world has become too large for its number")
	}
	return world(ids[0])<<(sideBits+mailBits) | world(ids[1])<<mailBits | world(mail)
}

func (o *open) holds(s int) holding { return o.m.holdings.values[o.s[s].holds] }

// restores counts how often a side was put back.
func (o *open) restores() int { return int(o.s[0].restored + o.s[1].restored) }

// restarts counts how often a process was started anew.
func (o *open) restarts() int { return int(o.s[0].restarted + o.s[1].restarted) }

// quietWire tells that no message is under way.
func (o *open) quietWire() bool { return !o.s[0].hint && !o.s[1].hint && o.mail == mail{} }

// hint puts a hint into the stream. It replaces an older one, whose acknowledgement no longer takes
// anything away.
func (o *open) hint(s int) { o.s[s].hint = true; o.detach(s) }

// ack takes the hint out of the stream.
func (o *open) ack(s int) { o.s[s].hint = false; o.detach(s) }

func (o *open) detach(s int) {
	for k := range o.mail {
		for i := range o.mail[k][s] {
			o.mail[k][s][i] &^= 1
		}
	}
}

// post puts a letter on the wire; it reports false when the wire is full. The same letter twice is no
// more than one that is delivered twice.
func (o *open) post(kind, s int, l, current uint16) bool {
	slots := o.mail[kind][s][:o.m.inFlight]
	for i := range slots {
		if slots[i]>>1 == l {
			slots[i] |= current
			return true
		}
	}
	for i := range slots {
		if slots[i] == 0 {
			slots[i] = l<<1 | current
			return true
		}
	}
	return false
}

// text shows a world to a person.
func (m *model) text(w world) string {
	o := m.open(w)
	var b strings.Builder
	for s := range 2 {
		fmt.Fprintf(&b, "    %c: %s", "AB"[s], o.holds(s).text())
		if o.s[s].hint {
			b.WriteString(", hint")
		}
		b.WriteString("\n")
	}
	for k := range o.mail {
		for s := range o.mail[k] {
			for _, l := range o.mail[k][s] {
				if l != 0 {
					fmt.Fprintf(&b, "       on the wire: %s %c: %s\n", [...]string{"request of", "about to be answered:", "answer to"}[k], "AB"[s], m.letters.values[l>>1].text())
				}
			}
		}
	}
	return b.String()
}
