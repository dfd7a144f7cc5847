package ordersync

import (
	"fmt"
	"strings"
)

// This file is one side of the model that search_test.go explores: what a service stores of one
// order, what it writes on the wire, and how it uses the core. It does what package orders does,
// in the same order, without anything around it.

// writes is a set of contents that people wrote, one bit each. It is kept beside the versions and not
// made from them, so it tells truly what an author had seen.
type writes uint64

func (w writes) has(o writes) bool { return w&o == o }

// holding is what one side stores of the order.
type holding struct {
	Record
	content, kept string // as stored; Record has the fingerprints that belong to them
	seen, theirs  writes // by the author of the content, and of the kept one
	joined        writes // of seen, what the peer does not know of but has the same content as
	past          []past // what the log knows, where that matters
}

// past is a version that a side once had.
type past struct {
	version, content string
	seen             writes
}

// letter is an entry on the wire.
type letter struct {
	Entry
	content string // empty when it is deleted, or when no content came with it
	seen    writes
}

// Contents that mean something: what people of both sides may write independently of each other,
// what side b's validation refuses, and what does not even get through side b's door, so that the
// bridge answers for it. Any other content is written once. In the model a content is its own
// fingerprint.
const (
	commonContent     = "common"
	refusedContent    = "refused"
	unreadableContent = "unreadable"
)

// contentOf is the content that belongs to a head.
func contentOf(h Head) string {
	if h.Deleted {
		return ""
	}
	return h.Fingerprint
}

// entryOf is what a service tells of its order: how it stands now, which version it does not accept,
// and the content, unless the one who asked has it.
func entryOf(h holding, asked *letter, lim limits) letter {
	r := h.towards(lim)
	l := letter{Entry: Entry{Head: r.Head, State: r.State}, content: h.content, seen: h.seen}
	switch {
	case l.State == None:
		l.State = ErrorSynced // nothing is known here, so the peer can only have told of an error
	case h.State == Error && h.Theirs != nil:
		l.Refused = h.Theirs.Version
	}
	if asked != nil {
		l.AnswerTo = &asked.Version
		if asked.Version.Compare(l.Version) == Equal {
			l.content = ""
		}
	}
	return l
}

// turnedAway is what a bridge answers for a peer whose door refuses a request.
func turnedAway(asked *letter) letter {
	return letter{Entry: Entry{State: Error, Refused: asked.Version, AnswerTo: &asked.Version}}
}

// observed is what became of a holding.
type observed struct {
	holding
	rule  Rule
	hint  bool
	wrong string
}

// observe is the service's round: decide, then store the content.
func observe(decide observer, h holding, l letter, accepts bool, merges merging) observed {
	e := l.Entry
	e.limits = merges.limits
	switch {
	case !e.Deleted && l.content == "":
		e.Refusal = "no content came with it"
	case !accepts && refused(l.content):
		e.Refusal = "refused"
	}
	content, noBase := merges.try(h, l, &e, accepts)
	o := decide(h.Record, e)
	next := h
	next.Record = o.Record
	next.Reason = ""
	switch {
	case o.Take && o.Rule == ExtMerge:
		next.content, next.seen, next.joined = content, h.seen|l.seen, 0
	case o.Take:
		next.content, next.seen, next.joined = l.content, l.seen, 0
	case o.Version.Compare(h.Version) != Equal: // joined
		next.joined = next.seen &^ l.seen
		next.seen |= l.seen
	case !h.State.Settled():
		next.joined = 0
	}
	if o.Keep {
		next.kept, next.theirs = l.content, l.seen
	}
	next.forget()
	wrong := firstOf(twice(h.Head, l.Head), overwritten(h, next), malformed(next, merges.limits), unhinted(h, next, o.Hint))
	if h.Theirs != nil {
		wrong = firstOf(wrong, twice(*h.Theirs, l.Head))
	}
	if o.Rule == ExtMerge {
		wrong = firstOf(wrong, noBase)
	}
	if next.Known() && next.State == None {
		wrong = firstOf(wrong, "what was exchanged with the peer has no state towards it")
	}
	if o.Take && e.Refusal != "" {
		wrong = "content was taken over that this side refuses"
	}
	return observed{next, o.Rule, o.Hint, wrong}
}

// Contents have two fields where merging is tried, "first|second".

func withField(content string, field int, text string) string {
	first, second, _ := strings.Cut(content, "|")
	if field == 0 {
		first = text
	} else {
		second = text
	}
	return strings.TrimSuffix(first+"|"+second, "|")
}

func refused(content string) bool    { return strings.Contains(content, refusedContent) }
func unreadable(content string) bool { return strings.Contains(content, unreadableContent) }

// mergesMax is how many merges of a side there may be beyond the number of contents that it wrote.
const mergesMax = 4

// merging is the policy of a side that observes, and the stamp that it would put on a merge.
type merging struct {
	on, onAgreed bool
	stamp        Dot
	limits       limits
}

// try finds what the two contents come to, as package orders does it: on the version that both have in
// common, if the log has it, and where no field was changed by both. NoBase says why that version is
// not the last one that the authors of both had seen; the writes tell that, and not the versions.
func (m merging) try(h holding, l letter, e *Entry, accepts bool) (content, noBase string) {
	if !m.on || !MayMerge(h.Record, *e) {
		return "", ""
	}
	if h.Deleted {
		e.Merge = &Merge{Stamp: m.stamp}
		return "", ""
	}
	var known []Vector
	for _, p := range h.past {
		v, _ := ParseVector(p.version)
		known = append(known, v)
	}
	at, _ := base(h.towards(m.limits).Version, e.Version, known, m.limits.keep())
	if m.onAgreed {
		at = h.Agreed
	}
	for _, p := range h.past {
		if p.version != at.String() || p.content == "" {
			continue
		}
		content, ok := mergedContent(p.content, h.content, l.content)
		if !ok || refused(content) && !accepts {
			return "", ""
		}
		if p.seen != h.seen&l.seen {
			noBase = "merged on a version that is not the last one that both authors had seen"
		}
		e.Merge = &Merge{content, m.stamp, Writer{limits: m.limits}}
		return content, noBase
	}
	return "", ""
}

func mergedContent(base, ours, theirs string) (string, bool) {
	var all [3][2]string
	for i, content := range [3]string{base, ours, theirs} {
		all[i][0], all[i][1], _ = strings.Cut(content, "|")
	}
	merged := ours
	for field := range 2 {
		was, our, their := all[0][field], all[1][field], all[2][field]
		switch {
		case our == their, their == was:
		case our == was:
			merged = withField(merged, field, their)
		default:
			return "", false
		}
	}
	return merged, true
}

// remember keeps what the log tells of a version, as far back as it can be needed.
func (m *model) remember(h *holding) {
	if !m.merges || !h.Known() {
		return
	}
	now := past{h.Version.String(), h.content, h.seen}
	var log []past
	for _, p := range h.past {
		if v, err := ParseVector(p.version); err != nil || p.version != now.version && !within(h.Agreed, v) {
			continue
		}
		if p.version != now.version {
			log = append(log, p)
		}
	}
	h.past = append(log, now)
}

// forget drops the kept content when the link keeps nothing.
func (h *holding) forget() {
	if h.Theirs == nil {
		h.kept, h.theirs = "", 0
	}
}

func firstOf(found ...string) string {
	for _, f := range found {
		if f != "" {
			return f
		}
	}
	return ""
}

// twice: no version is given to two contents.
func twice(a, b Head) string {
	if a.Version.Compare(b.Version) != Equal || a.same(b) {
		return ""
	}
	return fmt.Sprintf("a version was given to two contents: %s and %s", headText(a), headText(b))
}

// overwritten: content is replaced only by content whose author had seen it, or by the same.
func overwritten(before, after holding) string {
	if after.seen.has(before.seen) || before.content == after.content && before.Deleted == after.Deleted {
		return ""
	}
	return fmt.Sprintf("%s was overwritten by %s, whose author had not seen it", headText(before.Head), headText(after.Head))
}

// malformed: what is stored must fit together. A kept content may be missing, since an answer to a
// version that was lost in a restore comes without it.
func malformed(h holding, lim limits) string {
	s, r := h.State, h.Record
	switch {
	case h.content != contentOf(r.Head):
		return fmt.Sprintf("content %q is stored under the fingerprint of %q", h.content, contentOf(r.Head))
	case r.Theirs != nil && h.kept != "" && h.kept != contentOf(*r.Theirs):
		return fmt.Sprintf("content %q is kept under the fingerprint of %q", h.kept, contentOf(*r.Theirs))
	case s.Settled() && (r.Due || r.Theirs != nil || r.Agreed.Compare(r.Version) != Equal):
		return "settled, but due, in conflict or not agreed"
	case (s == New || s == Upd || s == OK) && r.Deleted, (s == Del || s == DelSynced) && !r.Deleted:
		return s.String() + " does not fit to deleted or not"
	case (s == New || s == Upd || s == Del) && !r.Due:
		return s.String() + " without being due"
	case s == Collision && r.Theirs == nil:
		return "a collision with nothing"
	case s == Collision && r.Theirs.Version.Compare(r.Version) == Older:
		return "a collision with " + headText(*r.Theirs) + ", which was seen"
	case !r.Known() && s != None && s != Error && s != ErrorSynced:
		return s.String() + " of an order that is not known"
	case !within(r.Agreed, r.towards(lim).Version):
		return "agreed on {" + r.Agreed.String() + "}, which {" + r.Version.String() + "} does not contain"
	}
	return ""
}

func within(v, w Vector) bool { c := v.Compare(w); return c == Older || c == Equal }

// unhinted: what becomes due takes a hint.
func unhinted(before, after holding, hint bool) string {
	switch {
	case hint && !after.Due:
		return "a hint for what is not due"
	case after.Due && !before.Due && !hint:
		return "due without a hint"
	}
	return ""
}

func headText(h Head) string {
	switch {
	case h.Version.IsZero():
		return "nothing"
	case h.Deleted:
		return "deleted{" + h.Version.String() + "}"
	default:
		return h.Fingerprint + "{" + h.Version.String() + "}"
	}
}

func (h holding) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", stateText(h.State), headText(h.Head))
	if h.Due {
		b.WriteString(", due")
	}
	if h.Theirs != nil {
		b.WriteString(", keeps " + headText(*h.Theirs))
	}
	return b.String()
}

func (l letter) text() string {
	t := stateText(l.State) + " " + headText(l.Head)
	if !l.Refused.IsZero() {
		t += " refusing {" + l.Refused.String() + "}"
	}
	if l.AnswerTo != nil {
		t += " in answer to {" + l.AnswerTo.String() + "}"
	}
	if l.content == "" && !l.Deleted {
		t += " without content"
	}
	return t
}

func stateText(s State) string {
	switch s {
	case None:
		return "-"
	case Any:
		return "any"
	default:
		return s.String()
	}
}
