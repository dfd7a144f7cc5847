package ordersync

import (
	"fmt"
	"slices"
)

// What happens in a graph: services, bridges, brokers and the wire at an end; people and processes at a side.

// graphStep is one thing that happens.
type graphStep struct {
	do  deed
	at  uint8 // an end, or a side
	arg uint8 // which letter, or which content
}

// Besides the deeds of two sides.
const (
	leaves  = deedsEnd + iota // the two of an edge are no peers any more
	returns                   // and are again
	graphDeedsEnd
)

func (d deed) ofSide() bool {
	switch d {
	case brokerIsLost, isBackedUp, isRestored, isStartedAnew, edits, deletes, accepts, switches:
		return true
	default:
		return false
	}
}

func (m *graphModel) stepText(st graphStep) string {
	side, towards := st.at, ""
	if !st.do.ofSide() {
		e := m.ends[st.at]
		side, towards = uint8(e.from), fmt.Sprintf(", towards %c", 'A'+e.to)
	}
	switch st.do {
	case leaves:
		return fmt.Sprintf("%c has a peer no more%s", 'A'+side, towards)
	case returns:
		return fmt.Sprintf("%c has a peer again%s", 'A'+side, towards)
	default:
		return step{do: st.do, side: side, arg: st.arg}.text() + towards
	}
}

// take does a step of machines; it reports false when it cannot happen.
func (o *graphOpen) take(st graphStep) bool {
	m, e := o.m, int(st.at)
	if !st.do.ofSide() && !o.is(e) && st.do != returns {
		return false
	}
	switch st.do {
	case sends:
		return o.send(e)
	case requestArrives, requestRepeats:
		return o.arriveRequest(e, int(st.arg), st.do == requestRepeats)
	case answerArrives, answerRepeats:
		return o.arriveAnswer(e, int(st.arg), st.do == answerRepeats)
	case requestIsLost:
		return m.lost && o.lose(request, e, int(st.arg)) != 0
	case answerIsLost:
		return m.lost && o.lose(answer, e, int(st.arg)) != 0
	case answerIsWritten:
		l := o.lose(reading, e, int(st.arg))
		return l != 0 && o.post(answer, e, o.tell(m.ends[e].rev, l>>1), l&1)
	case heals:
		if o.hinted(e) || !o.link(e).Due {
			return false
		}
		o.hint(e)
	case reconciles:
		return o.reconcile(e)
	case brokerIsLost:
		return m.broker && o.loseBroker(e)
	case isBackedUp:
		return o.backUp(e)
	case isRestored:
		return o.restore(e)
	case isStartedAnew:
		me := &o.s[e]
		if o.restarts() >= m.restarts || o.held(e).Version.number(o.dot(e, 0).Key) == 0 || m.calmRestarts && !o.isCalm(e) {
			return false
		}
		me.epoch++
		me.restarted++
	case leaves:
		return m.parting && o.part(e)
	case returns:
		return m.parting && o.meetAgain(e)
	default:
		panic("not here: " + m.stepText(st))
	}
	return true
}

func (o *graphOpen) restarts() (n int) {
	for s := range o.s {
		n += int(o.s[s].restarted)
	}
	return n
}

// isCalm reports whether nothing is on the wire, and all peers of a side have what it has.
func (o *graphOpen) isCalm(s int) bool {
	for _, e := range o.m.of[s] {
		if !o.link(e).State.Settled() {
			return false
		}
	}
	return o.wire == wire{}
}

func (o *graphOpen) lose(kind, e, i int) uint16 {
	l := o.wire[kind][e][i]
	o.wire[kind][e][i] = 0
	slices.Sort(o.wire[kind][e][:o.m.slots])
	return l
}

// post puts a letter on the wire; it reports false when the wire is full.
func (o *graphOpen) post(kind, e int, l, current uint16) bool {
	if kind == request && o.isFull() {
		return false
	}
	box := o.wire[kind][e][:o.m.slots]
	for i := range box {
		if box[i]>>1 == l {
			box[i] |= current
			return true
		}
	}
	if box[0] != 0 { // sorted
		return false
	}
	box[0] = l<<1 | current
	slices.Sort(box)
	return true
}

// isFull reports whether there are as many letters on the wire as there may be.
func (o *graphOpen) isFull() bool {
	if o.m.lettersMax == 0 {
		return false
	}
	n := 0
	for kind := range o.wire {
		for e := range o.wire[kind] {
			for _, l := range o.wire[kind][e] {
				if l != 0 {
					n++
				}
			}
		}
	}
	return n >= o.m.lettersMax
}

// send: the bridge looks up the order that a hint names, as in the model of two sides.
func (o *graphOpen) send(e int) bool {
	if !o.hinted(e) {
		return false
	}
	if !o.link(e).Due {
		o.ack(e)
		return true
	}
	return o.post(request, e, o.tell(e, 0), 1)
}

func (o *graphOpen) arriveRequest(e, i int, again bool) bool {
	l, rev := o.wire[request][e][i], o.m.ends[e].rev
	if l == 0 || again && !o.m.twice {
		return false
	}
	if !again {
		o.lose(request, e, i)
	}
	o.observe(rev, l>>1)
	if o.m.late && o.held(o.m.ends[rev].from).Version.Compare(o.m.letters.values[l>>1].Version) != Equal {
		return o.post(reading, e, l>>1, l&1)
	}
	return o.post(answer, e, o.tell(rev, l>>1), l&1)
}

func (o *graphOpen) arriveAnswer(e, i int, again bool) bool {
	l := o.wire[answer][e][i]
	if l == 0 || again && !o.m.twice {
		return false
	}
	if !again {
		o.lose(answer, e, i)
		if l&1 == 1 {
			o.ack(e)
		}
	}
	o.observe(e, l>>1)
	return true
}

// reconcile compares the two sides of an edge, when nothing is under way on it.
func (o *graphOpen) reconcile(e int) bool {
	rev := o.m.ends[e].rev
	if e > rev || !o.behind(e) && !o.behind(rev) {
		return false
	}
	for kind := range o.wire {
		if o.wire[kind][e] != [inFlightMax]uint16{} || o.wire[kind][rev] != [inFlightMax]uint16{} {
			return false
		}
	}
	for _, x := range []int{e, rev} {
		if o.held(o.m.ends[x].from).Known() {
			l := o.tell(x, 0)
			o.observe(o.m.ends[x].rev, l)
			o.observe(x, o.tell(o.m.ends[x].rev, l))
		}
		o.s[o.m.ends[x].from].behind &^= 1 << o.m.ends[x].nr
	}
	return true
}

func (o *graphOpen) loseBroker(s int) bool {
	if o.s[s].hints == 0 {
		return false
	}
	for _, e := range o.m.of[s] {
		if o.hinted(e) {
			o.ack(e)
		}
	}
	return true
}

func (o *graphOpen) backUp(s int) bool {
	me := &o.s[s]
	if me.backup != 0 || me.holds == 0 || o.restores() >= o.m.restores {
		return false
	}
	b := backedUp{me.holds, me.links, me.log}
	me.backup = o.m.backups.id(b, b)
	return true
}

func (o *graphOpen) restore(s int) bool {
	me := &o.s[s]
	b := o.m.backups.values[me.backup]
	if o.restores() >= o.m.restores || b.holds == me.holds {
		return false
	}
	me.holds, me.links, me.log = b.holds, b.links, b.log
	me.restored++
	me.epoch++
	for _, e := range o.m.of[s] {
		o.isBehind(e)
	}
	return true
}

// isBehind has the two sides of an edge reconciled.
func (o *graphOpen) isBehind(e int) {
	for _, x := range []int{e, o.m.ends[e].rev} {
		if o.is(x) {
			o.s[o.m.ends[x].from].behind |= 1 << o.m.ends[x].nr
		}
	}
}

// part: the two of an edge are no peers any more, and their links are forgotten.
func (o *graphOpen) part(e int) bool {
	if e > o.m.ends[e].rev {
		return false
	}
	for _, i := range []int{e, o.m.ends[e].rev} {
		x := o.m.ends[i]
		for kind := range o.wire {
			o.wire[kind][i] = [inFlightMax]uint16{}
		}
		me := &o.s[x.from]
		me.hints &^= 1 << x.nr
		me.behind &^= 1 << x.nr
		me.parted |= 1 << x.nr
		if !o.m.faults.keepLinks {
			me.links[x.nr] = 0
		}
	}
	return true
}

// meetAgain: they are peers again, and are compared as at first contact. A link that was not forgotten is
// read as a service does it: what is settled is agreed on the present version.
func (o *graphOpen) meetAgain(e int) bool {
	if o.is(e) || e > o.m.ends[e].rev {
		return false
	}
	for _, i := range []int{e, o.m.ends[e].rev} {
		x := o.m.ends[i]
		o.s[x.from].parted &^= 1 << x.nr
		if k := o.link(i); k.State.Settled() {
			k.Agreed = o.held(x.from).Version
			o.s[x.from].links[x.nr] = o.m.linkID(k)
		}
	}
	o.isBehind(e)
	return true
}

// observe lets the side at an end observe a letter of the other.
func (o *graphOpen) observe(e int, l uint16) {
	m, x := o.m, o.m.ends[e]
	me := &o.s[x.from]
	key := graphSeen{holds: me.holds, link: me.links[x.nr], letter: uint32(l), accepts: o.accepts(x.from)}
	merges := merging{limits: m.limits, on: me.merges}
	if me.merges || m.faults.restamp {
		merges.stamp = o.dot(x.from, me.log+1)
		key.stamp = fmt.Sprint(merges.stamp)
	}
	r, known := m.seen[key]
	if !known {
		before := o.holds(e)
		got := observe(m.faults.observe, before, m.letters.values[l], key.accepts, merges)
		r = graphSaw{rule: got.rule, hint: got.hint, wrong: got.wrong, stamped: got.rule == ExtMerge && !got.Deleted}
		if got.Version.Compare(before.Version) != Equal {
			if m.faults.restamp && got.rule != ExtMerge {
				got.holding = restamped(got.holding, m.letters.values[l], merges.stamp)
				r.hint, r.stamped = true, true
			}
			m.remember(&got.holding)
		}
		r.holds, r.link = m.holdingID(got.holding), m.linkID(linkHeld{got.Link, got.kept, got.theirs})
		m.rules[got.rule] = true
		m.seen[key] = r
	}
	o.fail(r.wrong)
	if r.stamped {
		if me.log++; int(me.log) > o.writes()+stampsMax {
			o.fail("merges without end")
		}
	}
	o.becomes(x.from, r.holds, x.nr)
	o.s[x.from].links[x.nr] = r.link
	if r.hint {
		o.hint(e)
	}
}

// stampsMax is how many merges of a side there may be beyond the number of contents that people wrote.
const stampsMax = 4

// restamped is what a side would hold that puts a number of its own on what it takes over.
func restamped(h holding, l letter, stamp Dot) holding {
	h.Head = Written(h.Head, h.Fingerprint, h.Deleted, stamp, Writer{})
	state := Upd
	if h.Deleted {
		state = Del
	}
	h.Link = Link{State: state, Due: true, Agreed: l.Version}
	return h
}

// becomes gives a side another head, which is a change towards every peer but the one that it came from.
func (o *graphOpen) becomes(s int, next uint32, from int) {
	m, before := o.m, o.s[s].holds
	o.s[s].holds = next
	if m.holdings.values[next].Version.Compare(m.holdings.values[before].Version) == Equal {
		return
	}
	for nr, e := range m.of[s] {
		if nr == from || !o.is(e) || from >= 0 && m.faults.noRelay {
			continue
		}
		key := [3]uint32{o.s[s].links[nr], before, next}
		id, known := m.rewrote[key]
		if !known {
			h := m.holdings.values[next]
			k := m.links.values[key[0]]
			k.Link = m.faults.rewritten(k.Link, m.holdings.values[before].Head, h.Head)
			h.Link, h.kept, h.theirs = k.Link, k.kept, k.theirs
			h.forget()
			o.fail(malformed(h, m.limits))
			id = m.linkID(k)
			m.rewrote[key] = id
		}
		o.s[s].links[nr] = id
		if m.links.values[id].Due {
			o.hint(e)
		}
	}
}

// tell is the letter that an end writes of its order; asked is the letter that it answers, or 0.
func (o *graphOpen) tell(e int, asked uint16) uint16 {
	x := o.m.ends[e]
	key := [3]uint32{o.s[x.from].holds, o.s[x.from].links[x.nr], uint32(asked)}
	l, known := o.m.told[key]
	if !known {
		var to *letter
		if asked != 0 {
			copied := o.m.letters.values[asked]
			to = &copied
		}
		lim := o.m.limits
		if o.m.faults.asStored {
			lim = limits{}
		}
		l = o.m.letterID(entryOf(o.holds(e), to, lim))
		o.m.told[key] = l
	}
	return l
}

func (o *graphOpen) accepts(s int) bool { return o.m.refuses>>s&1 == 0 || o.s[s].accepts }

func (o *graphOpen) dot(s int, n uint8) Dot {
	return Dot{fmt.Sprintf("%c.%d", 'a'+s, o.s[s].epoch+1), int64(n)}
}
