package ordersync

import (
	"fmt"
	"slices"
)

// personal is something that people do at a side. It depends on nothing but the side, and changes
// nothing else, so it is found out once for each side.
type personal struct {
	step
	side  side
	hint  bool
	wrong string
}

// personal lists what people can do at a side.
func (m *model) personal(o *open, s int) []personal {
	known := &m.done[s]
	for len(*known) <= int(o.ids[s]) {
		*known = append(*known, nil)
	}
	list := &(*known)[o.ids[s]]
	if *list == nil {
		*list = []personal{}
		for do := firstPersonal; do < deedsEnd; do++ {
			for arg := range contentsEnd {
				try, st := *o, step{do, uint8(s), arg}
				try.wrong = ""
				if try.person(st) {
					*list = append(*list, personal{st, try.s[s], do.hints(), try.wrong})
				}
			}
		}
	}
	return *list
}

// person does something; it reports false when it cannot be done.
func (o *open) person(st step) bool {
	s, me, h := int(st.side), &o.s[st.side], o.holds(int(st.side))
	switch {
	case st.do == edits:
		c, ok := o.writable(s, st.arg)
		return ok && c != contentOf(h.Head) && o.write(s, c, false)
	case st.do == resolves:
		return o.resolve(s, st.arg)
	case st.arg != 0: // the others come in one kind
		return false
	case st.do == deletes:
		return h.Known() && !h.Deleted && o.write(s, Tombstone, true)
	case st.do == retries:
		return o.retry(s)
	case st.do == switches:
		me.merges = !me.merges
		return o.m.merges
	default:
		me.accepts = !me.accepts
		return s == 1 && (o.m.refuses || o.m.door)
	}
}

// writable is the content that people mean, where there is such a content at this side.
func (o *open) writable(s int, arg uint8) (string, bool) {
	present, own := o.holds(s).content, fmt.Sprintf("%c%d", "ab"[s], o.s[s].written+1)
	switch arg {
	case ownContent: // nobody wrote it before
		return withField(present, 0, own), true
	case theOther:
		return withField(present, 1, own), o.m.merges && present != ""
	case theCommon:
		return withField(present, 0, commonContent), o.m.common
	case theRefused:
		return refusedContent, o.m.refuses && s == 0
	case theUnreadable:
		return unreadableContent, o.m.door && s == 0
	default:
		return "", false
	}
}

// stamp gives out the next number of a side.
func (o *open) stamp(s int) (Dot, writes) {
	me := &o.s[s]
	bit := writes(1) << (16*s + int(me.written))
	me.written++
	me.log++
	n := me.log
	if o.m.mutant == skipNumbers {
		n = me.written
	}
	return o.dot(s, n), bit
}

func (o *open) dot(s int, n uint8) Dot {
	return Dot{fmt.Sprintf("%c.%d", "ab"[s], o.s[s].epoch+1), int64(n)}
}

// withoutHeads is a version from which went what the peer has acknowledged, and that names no heads.
func (m *model) withoutHeads(before holding, v Vector, stamp Dot) Vector {
	agreed := before.Agreed
	if before.State.Settled() {
		agreed = before.Version
	}
	v.heads = nil
	v.dots = slices.DeleteFunc(slices.Clone(v.dots), func(d Dot) bool {
		return d.Key != stamp.Key && sideOf(d.Key) == sideOf(stamp.Key) && agreed.lists(d)
	})
	return v
}

// store keeps what a person did to a holding.
func (o *open) store(s int, before, next holding) bool {
	next.forget()
	o.m.remember(&next)
	o.fail(malformed(next, o.m.limits))
	o.s[s].holds = o.m.holding(next)
	return true
}

func (o *open) write(s int, fingerprint string, deleted bool) bool {
	h := o.holds(s)
	if int(o.s[s].written) >= o.m.edits[s] {
		return false
	}
	dot, bit := o.stamp(s)
	next := h
	next.Head = Written(h.Head, fingerprint, deleted, dot, Writer{limits: o.m.limits})
	if o.m.mutant == leaveHeads {
		next.Version = o.m.withoutHeads(h, next.Version, dot)
	}
	next.Link = h.Link.Rewritten(h.Head, next.Head)
	next.content, next.seen, next.joined = contentOf(next.Head), h.seen|bit, 0
	return o.store(s, h, next)
}

// resolve: people look at both versions and choose one, or write a third.
func (o *open) resolve(s int, arg uint8) bool {
	h := o.holds(s)
	if !h.State.InConflict() || h.Theirs == nil || int(o.s[s].written) >= o.m.edits[s] {
		return false
	}
	var chosen Head
	switch arg {
	case takeOurs:
		chosen = h.Head
	case takeTheirs:
		chosen = *h.Theirs
		if !chosen.Deleted && (h.kept == "" || refused(h.kept) && !o.accepts(s)) {
			return false // the service validates what people choose, and needs it
		}
	case ownContent:
		chosen.Fingerprint, _ = o.writable(s, ownContent)
	}
	if chosen.Fingerprint == "" {
		return false
	}
	dot, bit := o.stamp(s)
	out, err := Resolve(h.Record, chosen.Fingerprint, chosen.Deleted, dot, Writer{limits: o.m.limits})
	if err != nil {
		panic(err)
	}
	next := h
	next.Record = out.Record
	next.content, next.seen, next.joined = contentOf(next.Head), h.seen|h.theirs|bit, 0
	return o.store(s, h, next)
}

func (o *open) retry(s int) bool {
	h := o.holds(s)
	refusal := ""
	if h.Theirs != nil && !h.Theirs.Deleted && (h.kept == "" || refused(h.kept) && !o.accepts(s)) {
		refusal = "refused"
	}
	out, err := Retry(h.Record, refusal)
	if err != nil {
		return false
	}
	next := h
	next.Record = out.Record
	if out.Take {
		next.content, next.seen, next.joined = h.kept, h.theirs, 0
	}
	o.fail(overwritten(h, next))
	return o.store(s, h, next)
}
