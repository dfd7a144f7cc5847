package ordersync

import "fmt"

// graphPersonal is something that people do at a side. As in the model of two sides it depends on nothing but the
// side, and is found out once for each.
type graphPersonal struct {
	graphStep
	side   graphSide
	hinted uint8 // peers for which there is a new hint
	wrong  string
}

// personal lists what people can do at a side.
func (m *graphModel) personal(w graphWorld, o *graphOpen, s int) []graphPersonal {
	list, known := m.done[s][w.sides[s]]
	if known {
		return list
	}
	for do := firstPersonal; do < deedsEnd; do++ {
		places := []int{s}
		if !do.ofSide() {
			places = m.of[s]
		}
		for _, at := range places {
			for arg := range contentsEnd {
				try, st := *o, graphStep{do, uint8(at), arg}
				try.wrong, try.s[s].hints = "", 0
				if try.person(st) {
					p := graphPersonal{st, try.s[s], try.s[s].hints, try.wrong}
					p.side.hints |= o.s[s].hints
					list = append(list, p)
				}
			}
		}
	}
	m.done[s][w.sides[s]] = list
	return list
}

// person does something; it reports false when it cannot be done.
func (o *graphOpen) person(st graphStep) bool {
	at, s := int(st.at), int(st.at)
	if !st.do.ofSide() {
		s = o.m.ends[at].from
	}
	if !st.do.ofSide() && !o.is(at) || o.m.people != 0 && o.m.people>>s&1 == 0 {
		return false
	}
	switch {
	case st.do == edits:
		c, ok := o.writable(at, st.arg)
		return ok && c != contentOf(o.held(at).Head) && o.write(at, c, false)
	case st.do == resolves:
		return o.resolve(at, st.arg)
	case st.arg != 0: // the others come in one kind
		return false
	case st.do == deletes:
		h := o.held(at)
		return o.m.deletes && h.Known() && !h.Deleted && o.write(at, Tombstone, true)
	case st.do == retries:
		return o.retry(at)
	case st.do == switches:
		o.s[at].merges = !o.s[at].merges
		return o.m.merges
	default:
		o.s[at].accepts = !o.s[at].accepts
		return o.m.refuses>>at&1 == 1
	}
}

// writable is the content that people mean, where there is such a content at this side.
func (o *graphOpen) writable(s int, arg uint8) (string, bool) {
	present, own := o.held(s).content, fmt.Sprintf("%c%d", 'a'+s, o.s[s].written+1)
	switch arg {
	case ownContent:
		return withField(present, 0, own), true
	case theOther:
		return withField(present, 1, own), o.m.merges && present != ""
	case theCommon:
		return withField(present, 0, commonContent), o.m.common
	case theRefused:
		return refusedContent, o.m.refuses != 0 && o.m.refuses>>s&1 == 0
	default:
		return "", false
	}
}

func (o *graphOpen) mayWrite(s int) bool { return int(o.s[s].written) < o.m.edits }

// stamp gives out the next number of a side.
func (o *graphOpen) stamp(s int) (Dot, writes) {
	me := &o.s[s]
	bit := writes(1) << (writesMax*s + int(me.written))
	me.written++
	me.log++
	return o.dot(s, me.log), bit
}

// writesMax is how many contents people of a side can write: so many fit into writes.
const writesMax = 12

func (o *graphOpen) write(s int, fingerprint string, deleted bool) bool {
	if !o.mayWrite(s) {
		return false
	}
	h := o.held(s)
	dot, bit := o.stamp(s)
	next := h
	next.Head = Written(h.Head, fingerprint, deleted, dot, Writer{limits: o.m.limits})
	next.content, next.seen = contentOf(next.Head), h.seen|bit
	o.m.remember(&next)
	o.becomes(s, o.m.holdingID(next), -1)
	return true
}

// act stores what people did to a link, and hints it.
func (o *graphOpen) act(e int, before, next holding) bool {
	next.forget()
	if next.Version.Compare(before.Version) != Equal {
		o.m.remember(&next)
	}
	o.fail(firstOf(overwritten(before, next), malformed(next, o.m.limits)))
	x := o.m.ends[e]
	o.becomes(x.from, o.m.holdingID(next), x.nr)
	o.s[x.from].links[x.nr] = o.m.linkID(linkHeld{next.Link, next.kept, next.theirs})
	o.hint(e)
	return true
}

// resolve: people look at both versions and choose one, or write a third.
func (o *graphOpen) resolve(e int, arg uint8) bool {
	h, s := o.holds(e), o.m.ends[e].from
	if !h.State.InConflict() || h.Theirs == nil || !o.mayWrite(s) {
		return false
	}
	var chosen Head
	switch arg {
	case takeOurs:
		chosen = h.Head
	case takeTheirs:
		chosen = *h.Theirs
		if !chosen.Deleted && (h.kept == "" || refused(h.kept) && !o.accepts(s)) {
			return false
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
	next.content, next.seen = contentOf(next.Head), h.seen|h.theirs|bit
	return o.act(e, h, next)
}

func (o *graphOpen) retry(e int) bool {
	h, s := o.holds(e), o.m.ends[e].from
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
		next.content, next.seen = h.kept, h.theirs
	}
	return o.act(e, h, next)
}
