package ordersync

import (
	"fmt"
	"slices"
	"strings"
)

// The model of more than two sides: a graph, in which each side has its neighbours as peers. What a side does
// with one peer is as in model_test.go; this file adds the world around it. As there, every part of a world is
// kept once and stands for itself by number.

// topology is which sides are peers of each other.
type topology struct {
	name  string
	sides int
	edges [][2]int
}

var (
	chain3   = topology{"chain of 3", 3, [][2]int{{0, 1}, {1, 2}}}
	triangle = topology{"triangle", 3, [][2]int{{0, 1}, {1, 2}, {0, 2}}}
	star4    = topology{"star of 4", 4, [][2]int{{0, 1}, {0, 2}, {0, 3}}} // A is the hub
	ring4    = topology{"ring of 4", 4, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 0}}}
	ring5    = topology{"ring of 5", 5, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 0}}}
)

const (
	sidesMax = 5
	peersMax = 3
	endsMax  = 10
)

// end is one end of an edge: a side towards one of its peers, which is number nr of them. Rev is the other end.
type end struct{ from, to, nr, rev int }

func (g topology) ends() []end {
	var out []end
	var peers [sidesMax]int
	for _, e := range g.edges {
		i := len(out)
		out = append(out, end{e[0], e[1], peers[e[0]], i + 1}, end{e[1], e[0], peers[e[1]], i})
		peers[e[0]]++
		peers[e[1]]++
	}
	return out
}

// graphBounds say what may happen in a world of several sides.
type graphBounds struct {
	name     string
	graph    topology
	known    bool  // at the start every side has the order, and all is settled
	edits    int   // contents that people of a side write, deletions and resolutions included
	total    int   // and of all sides together; 0 is no bound
	people   uint8 // the sides whose people do anything, a bit each; 0 is all
	deletes  bool  // people delete
	common   bool  // people of all sides may write the same content
	refuses  uint8 // the sides that refuse a content, accept it some time, and may refuse it again; a bit each
	merges   bool  // people of a side switch merging on and off
	lost     bool  // letters get lost
	twice    bool  // letters come twice
	late     bool  // the content of an answer is read after the observation
	broker   bool  // brokers lose their store
	restores int   // how often a side is restored to an earlier state, or to nothing
	restarts int   // times that a process of a side is started anew, and takes a new epoch
	parting  bool  // peers leave and return
	// Letters on the wire at a time, 0 is no bound; and of one kind at an end, 0 is 1.
	lettersMax, slots int
	limits            limits // of a version; else those of the service
	calmRestarts      bool   // only while nothing is under way and all of the side is settled
	faults            graphFaults
}

// graphFaults are what is wrong with the rules, or with the service around them, for graph_mutants_test.go.
type graphFaults struct {
	observe   observer
	rewritten func(l Link, before, after Head) Link
	noRelay   bool // what comes from a peer is no change towards the others
	restamp   bool // what comes from a peer gets a number of the side that takes it
	asStored  bool // a peer is told a version as it is stored, without the heads of what was agreed
	keepLinks bool // links are not forgotten when a peer leaves
}

// forgets reports whether letters may come that are older than what a version still lists.
func (b *graphBounds) forgets() bool { return b.limits != (limits{}) && !b.calmRestarts }

// graphSide is one side of a world. Holds is the number of its holding, without a link; links are numbers of
// how it stands towards its peers. The others are bits of peers.
type graphSide struct {
	holds, backup         uint32
	links                 [peersMax]uint32
	hints, behind, parted uint8
	written, log, epoch   uint8
	restored, restarted   uint8
	accepts, merges       bool
}

// linkHeld is a link as a service stores it.
type linkHeld struct {
	Link
	kept   string
	theirs writes
}

// wire is what is under way at each end: letter<<1, as mail of the model of two sides.
type wire [3][endsMax][inFlightMax]uint16

// backedUp is the state that a side is restored to.
type backedUp struct {
	holds uint32
	links [peersMax]uint32
	log   uint8
}

// graphWorld is one state of everything.
type graphWorld struct {
	sides [sidesMax]uint32
	wire  uint32
}

type graphModel struct {
	graphBounds
	ends      []end
	of        [sidesMax][]int // the ends of a side
	holdings  table[string, holding]
	links     table[string, linkHeld]
	letters   table[string, letter]
	sides     table[graphSide, graphSide]
	wires     table[wire, wire]
	backups   table[backedUp, backedUp]
	told      map[[3]uint32]uint16
	seen      map[graphSeen]graphSaw
	rewrote   map[[3]uint32]uint32
	done      [sidesMax]map[uint32][]graphPersonal
	contained map[[2]uint32]bool
	hadBy     map[[3]uint32]bool
	rules     map[Rule]bool
}

// graphSeen is everything that an observation depends on.
type graphSeen struct {
	holds, link, letter uint32
	accepts             bool
	stamp               string // of a merge
}

type graphSaw struct {
	holds, link   uint32
	hint, stamped bool
	rule          Rule
	wrong         string
}

func newGraphModel(b graphBounds) *graphModel {
	b.slots = max(b.slots, 1)
	if b.faults.observe == nil {
		b.faults.observe = Observe
	}
	if b.faults.rewritten == nil {
		b.faults.rewritten = Link.Rewritten
	}
	m := &graphModel{
		graphBounds: b, ends: b.graph.ends(), told: map[[3]uint32]uint16{}, seen: map[graphSeen]graphSaw{},
		rewrote: map[[3]uint32]uint32{}, contained: map[[2]uint32]bool{}, hadBy: map[[3]uint32]bool{}, rules: map[Rule]bool{},
	}
	for i, e := range m.ends {
		m.of[e.from] = append(m.of[e.from], i)
	}
	for s := range m.done {
		m.done[s] = map[uint32][]graphPersonal{}
	}
	m.holdingID(holding{})
	m.linkID(linkHeld{})
	m.letterID(letter{}) // no letter has number 0
	m.backups.id(backedUp{}, backedUp{})
	return m
}

// start is the world in which nothing has happened yet.
func (m *graphModel) start() graphWorld {
	o := graphOpen{m: m}
	if m.known {
		first := holding{Record: Record{Head: Written(Head{}, "first", false, Dot{"a.0", 1}, Writer{})}, content: "first"}
		m.remember(&first)
		for s := range m.graph.sides {
			o.s[s].holds = m.holdingID(first)
			for nr := range m.of[s] {
				o.s[s].links[nr] = m.linkID(linkHeld{Link: Link{State: OK, Agreed: first.Version}})
			}
		}
	}
	return o.close()
}

// remember keeps what the log records of a version, where that matters.
func (m *graphModel) remember(h *holding) {
	if m.merges && h.Known() {
		h.past = append(slices.Clone(h.past), past{h.Version.String(), h.content, h.seen})
	}
}

// holdingID leaves the link out: it is kept on its own.
func (m *graphModel) holdingID(h holding) uint32 {
	h.Link, h.kept, h.theirs, h.joined = Link{}, "", 0, 0
	return m.holdings.id(fmt.Sprint(headText(h.Head), h.content, h.seen, h.past), h)
}

func (m *graphModel) linkID(k linkHeld) uint32 {
	if k.Theirs == nil {
		k.kept, k.theirs = "", 0
	}
	k.Reason = ""
	theirs := ""
	if k.Theirs != nil {
		theirs = headText(*k.Theirs)
	}
	return m.links.id(fmt.Sprint(k.State, k.Due, k.Agreed, "/", theirs, "/", k.kept, k.theirs), k)
}

func (m *graphModel) letterID(l letter) uint16 {
	id := m.letters.id(fmt.Sprint(l.text(), l.seen), l)
	if id >= 1<<15 {
		panic("there have become too many letters for their numbers")
	}
	return uint16(id)
}

// graphOpen is a world taken apart, to change it.
type graphOpen struct {
	m     *graphModel
	s     [sidesMax]graphSide
	wire  wire
	wrong string // what must never happen happened
}

func (m *graphModel) open(w graphWorld) graphOpen {
	o := graphOpen{m: m, wire: m.wires.values[w.wire]}
	for s := range m.graph.sides {
		o.s[s] = m.sides.values[w.sides[s]]
	}
	return o
}

func (o *graphOpen) close() (w graphWorld) {
	for s := range o.m.graph.sides {
		w.sides[s] = o.m.sides.id(o.s[s], o.s[s])
	}
	w.wire = o.m.wires.id(o.wire, o.wire)
	return w
}

// held is what a side holds, without a link.
func (o *graphOpen) held(s int) holding { return o.m.holdings.values[o.s[s].holds] }

func (o *graphOpen) link(e int) linkHeld {
	x := o.m.ends[e]
	return o.m.links.values[o.s[x.from].links[x.nr]]
}

// holds is what a side holds towards a peer.
func (o *graphOpen) holds(e int) holding {
	h, k := o.held(o.m.ends[e].from), o.link(e)
	h.Link, h.kept, h.theirs = k.Link, k.kept, k.theirs
	return h
}

func (o *graphOpen) is(e int) bool     { x := o.m.ends[e]; return o.s[x.from].parted>>x.nr&1 == 0 }
func (o *graphOpen) hinted(e int) bool { x := o.m.ends[e]; return o.s[x.from].hints>>x.nr&1 == 1 }
func (o *graphOpen) behind(e int) bool { x := o.m.ends[e]; return o.s[x.from].behind>>x.nr&1 == 1 }

// hint puts a hint into the stream, in place of an older one.
func (o *graphOpen) hint(e int) {
	x := o.m.ends[e]
	o.s[x.from].hints |= 1 << x.nr
	o.detach(e)
}

// ack takes the hint out of the stream.
func (o *graphOpen) ack(e int) {
	x := o.m.ends[e]
	o.s[x.from].hints &^= 1 << x.nr
	o.detach(e)
}

func (o *graphOpen) detach(e int) {
	for k := range o.wire {
		for i := range o.wire[k][e] {
			o.wire[k][e][i] &^= 1
		}
	}
}

func (o *graphOpen) fail(wrong string) {
	if o.wrong == "" {
		o.wrong = wrong
	}
}

// restores counts how often a side was restored.
func (o *graphOpen) restores() (n int) {
	for s := range o.s {
		n += int(o.s[s].restored)
	}
	return n
}

// writes counts what people wrote.
func (o *graphOpen) writes() (n int) {
	for s := range o.s {
		n += int(o.s[s].written)
	}
	return n
}

// text shows a world to a person.
func (o *graphOpen) text() string {
	var b strings.Builder
	for s := range o.m.graph.sides {
		fmt.Fprintf(&b, "    %c: %s\n", 'A'+s, headText(o.held(s).Head))
		for _, e := range o.m.of[s] {
			k := o.link(e)
			fmt.Fprintf(&b, "       towards %c: %s", 'A'+o.m.ends[e].to, stateText(k.State))
			if k.Due {
				b.WriteString(", due")
			}
			if k.Theirs != nil {
				b.WriteString(", keeps " + headText(*k.Theirs))
			}
			if o.hinted(e) {
				b.WriteString(", hint")
			}
			if !o.is(e) {
				b.WriteString(", no peers now")
			}
			b.WriteString("\n")
			for kind := range o.wire {
				for _, l := range o.wire[kind][e] {
					if l != 0 {
						fmt.Fprintf(&b, "          on the wire: %s: %s\n", [...]string{"request", "about to be answered", "answer"}[kind], o.m.letters.values[l>>1].text())
					}
				}
			}
		}
	}
	return b.String()
}
