package ordersync

import (
	"fmt"
)

// step is one thing that happens in a world.
type step struct {
	do   deed
	side uint8 // who does it; of a letter the side that asked
	arg  uint8
}

type deed uint8

const (
	send deed = iota // the bridge takes a hint: lookup, then a request or nothing to do
	deliverRequest
	repeatRequest // delivered, and it will come again
	loseRequest
	deliverAnswer
	repeatAnswer // applied, but not acknowledged
	loseAnswer
	heal // a hint for what is due and has none
	reconcile
	loseBroker
	edit
	remove
	resolve
	retry
	accept
	backup
	restore
)

const (
	ofOwn = iota // edit: a content of its own; resolve: a new content
	ofCommon
	ofRefused
	ofOurs
	ofTheirs
)

var deedTexts = map[deed]string{
	send: "the bridge of %s takes a hint", deliverRequest: "the request of %s arrives", repeatRequest: "the request of %s arrives, and will come again",
	loseRequest: "the request of %s is lost", deliverAnswer: "the answer to %s arrives", repeatAnswer: "the answer to %s arrives, and will come again",
	loseAnswer: "the answer to %s is lost", heal: "%s hints what is due", reconcile: "the sides are reconciled", loseBroker: "the broker of %s loses its store",
	edit: "people edit at %s", remove: "people delete at %s", resolve: "people resolve at %s", retry: "people retry at %s",
	accept: "%s changes its mind about the refused content", backup: "%s is backed up", restore: "%s is restored",
}

func (s step) text() string {
	t := deedTexts[s.do]
	if s.do != reconcile {
		t = fmt.Sprintf(t, string("AB"[s.side]))
	}
	if s.do == edit || s.do == resolve {
		t += [...]string{"", " (common)", " (refused)", ": ours", ": theirs"}[s.arg]
	}
	return t
}

// calm tells a step of the machines alone, without faults.
func (s step) calm() bool {
	switch s.do {
	case send, deliverRequest, deliverAnswer, heal, reconcile:
		return true
	default:
		return false
	}
}

// each tries every step that can happen in a world.
func (m *model) each(w world, visit func(step, open)) {
	for s := range uint8(2) {
		for do := send; do <= restore; do++ {
			args := uint8(1)
			switch do {
			case deliverRequest, repeatRequest, loseRequest, deliverAnswer, repeatAnswer, loseAnswer:
				args = uint8(m.inFlight)
			case edit, resolve:
				args = ofTheirs + 1
			case reconcile:
				if s == 1 {
					continue
				}
			}
			for arg := range args {
				o := m.open(w)
				if st := (step{do, s, arg}); o.take(st) {
					visit(st, o)
				}
			}
		}
	}
}

// take does a step; it reports false when it cannot happen, or when nothing would come of it.
func (o *open) take(st step) bool {
	s, me := int(st.side), &o.s[st.side]
	switch st.do {
	case send:
		return o.send(s)
	case deliverRequest, repeatRequest:
		return o.arriveRequest(s, int(st.arg), st.do == repeatRequest)
	case deliverAnswer, repeatAnswer:
		return o.arriveAnswer(s, int(st.arg), st.do == repeatAnswer)
	case loseRequest:
		return o.lose(request, s, int(st.arg))
	case loseAnswer:
		return o.lose(answer, s, int(st.arg))
	case heal:
		if o.m.noHeal || me.hint || !o.holds(s).Due {
			return false
		}
		o.hint(s)
		return true
	case loseBroker:
		if !o.m.brokerLoss || !me.hint {
			return false
		}
		o.ack(s)
		return true
	case reconcile:
		return o.reconcile()
	case edit, remove, resolve, retry, accept:
		return o.people(st)
	case backup:
		if me.backup != 0 || me.holds == 0 || o.restores() >= o.m.restores {
			return false
		}
		me.backup, me.backupLog = me.holds, me.log
		return true
	case restore:
		if o.restores() >= o.m.restores || me.backup == me.holds {
			return false
		}
		me.restored++
		me.holds, me.log = me.backup, me.backupLog
		if !o.m.keepEpoch {
			me.epoch++
		}
		o.s[0].behind, o.s[1].behind = true, true
		return true
	}
	panic(st)
}

func (o *open) lose(kind, s, i int) bool {
	if o.mail[kind][s][i] == 0 {
		return false
	}
	o.mail[kind][s][i] = 0
	return true
}

// send: the bridge looks up what a hint tells of. What is not due any more is done; otherwise the
// present entry is on its way, and the hint stays until the answer was applied.
func (o *open) send(s int) bool {
	if !o.s[s].hint {
		return false
	}
	if !o.holds(s).Due {
		o.ack(s)
		return true
	}
	if o.m.ackAtPublish {
		o.ack(s)
		return o.post(request, s, o.tell(s, 0), false)
	}
	return o.post(request, s, o.tell(s, 0), true)
}

func (o *open) arriveRequest(s, i int, again bool) bool {
	l := o.mail[request][s][i]
	if l == 0 {
		return false
	}
	if !again {
		o.mail[request][s][i] = 0
	}
	peer := 1 - s
	got := o.observe(peer, l>>1)
	if got.hint {
		o.hint(peer)
	}
	return o.post(answer, s, o.tell(peer, l>>1), l&1 == 1)
}

func (o *open) arriveAnswer(s, i int, again bool) bool {
	l := o.mail[answer][s][i]
	if l == 0 {
		return false
	}
	if !again {
		o.mail[answer][s][i] = 0
	}
	got := o.observe(s, l>>1)
	if got.deaf {
		return !again
	}
	if l&1 == 1 && !again {
		o.ack(s)
	}
	if got.hint {
		o.hint(s)
	}
	return true
}

// reconcile compares both sides, when nothing is under way: each side's entry is sent to the other
// as a request, and its answer is applied.
func (o *open) reconcile() bool {
	if !o.m.reconciles || o.s[0].hint || o.s[1].hint || o.mail != (mail{}) {
		return false
	}
	for s := range 2 {
		if !o.holds(s).Known() {
			continue
		}
		l := o.tell(s, 0)
		if o.observe(1-s, l).hint {
			o.hint(1 - s)
		}
		if o.observe(s, o.tell(1-s, l)).hint {
			o.hint(s)
		}
	}
	o.s[0].behind, o.s[1].behind = false, false
	return true
}

// people do something at a side.
func (o *open) people(st step) bool {
	s, me, h := int(st.side), &o.s[st.side], o.holds(int(st.side))
	switch {
	case st.do == accept:
		if s == 0 || !o.m.refuses {
			return false
		}
		me.accepts = !me.accepts
		return true
	case st.do == retry:
		refusal := ""
		if h.Theirs != nil && h.Theirs.contentOf() == refusedContent && !o.accepts(s) {
			refusal = "refused"
		}
		out, err := Retry(h.Record, refusal)
		if err != nil {
			return false
		}
		next := h
		next.Record = out.Record
		if out.Take {
			next.content, next.seen = h.kept, h.theirs
		}
		next.forget()
		o.fail(firstOf(overwritten(h, next), malformed(next)))
		me.holds = o.m.holding(next)
		o.hint(s)
		return true
	case int(me.written) >= o.m.edits[s]:
		return false
	case st.do == resolve:
		return o.resolve(s, st.arg)
	case st.do == remove:
		if !h.Known() || h.Deleted {
			return false
		}
		o.write(s, Tombstone, true)
		return true
	}
	switch c := h.contentOf(); {
	case st.arg == ofOwn:
		o.write(s, o.own(s), false)
	case st.arg == ofCommon && o.m.common && c != commonContent:
		o.write(s, commonContent, false)
	case st.arg == ofRefused && o.m.refuses && s == 0 && c != refusedContent:
		o.write(s, refusedContent, false)
	default:
		return false
	}
	return true
}

// own is a content that nobody wrote before.
func (o *open) own(s int) string { return fmt.Sprintf("%c%d", "ab"[s], o.s[s].written+1) }

// stamp gives out the next number of a side.
func (o *open) stamp(s int) (Dot, writes) {
	me := &o.s[s]
	bit := writes(1) << (16*s + int(me.written))
	me.written++
	me.log++
	n := me.log
	if o.m.numbersAhead {
		n = me.written
	}
	return Dot{fmt.Sprintf("%c.%d", "ab"[s], me.epoch+1), int64(n)}, bit
}

func (o *open) write(s int, fingerprint string, deleted bool) {
	h := o.holds(s)
	dot, bit := o.stamp(s)
	next := h
	next.Head = Written(h.Head, fingerprint, deleted, dot)
	next.Link = h.Link.Rewritten(h.Head, deleted)
	next.content, next.seen = next.contentOf(), h.seen|bit
	next.forget()
	o.fail(firstOf(malformed(next), reused(h, next)))
	o.s[s].holds = o.m.holding(next)
	o.hint(s)
}

func reused(before, after holding) string {
	if after.Version.Compare(before.Version) != Newer {
		return "a version was given to two contents: {" + after.Version.String() + "}"
	}
	return ""
}

func (o *open) resolve(s int, arg uint8) bool {
	h := o.holds(s)
	if o.m.noResolve || !h.State.InConflict() || h.Theirs == nil {
		return false
	}
	chosen := Head{Fingerprint: o.own(s)}
	switch arg {
	case ofOwn:
	case ofOurs:
		chosen = h.Head
	case ofTheirs:
		chosen = *h.Theirs
	default:
		return false
	}
	if chosen.Fingerprint == "" || chosen.contentOf() == refusedContent && !o.accepts(s) {
		return false // the service validates what people choose
	}
	dot, bit := o.stamp(s)
	out, err := Resolve(h.Record, chosen.Fingerprint, chosen.Deleted, dot)
	if err != nil {
		panic(err)
	}
	next := h
	next.Record = out.Record
	next.content, next.seen = next.contentOf(), h.seen|h.theirs|bit
	next.forget()
	o.fail(firstOf(malformed(next), reused(h, next)))
	o.s[s].holds = o.m.holding(next)
	o.hint(s)
	return true
}
