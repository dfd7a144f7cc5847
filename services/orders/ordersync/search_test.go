package ordersync

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// search visits every world that can come about.
type search struct {
	*model
	worlds  []world
	found   map[world]uint32
	parent  []uint32
	via     []step
	steps   int
	failure string
	at      uint32
	rules   map[Rule]int
}

func explore(b bounds, decide observer) *search {
	x := &search{model: newModel(b, decide), found: map[world]uint32{}, rules: map[Rule]int{}}
	x.add(x.start(), 0, step{})
	for i := 0; i < len(x.worlds) && x.failure == ""; i++ {
		x.each(x.worlds[i], func(st step, o open) {
			if x.failure != "" {
				return
			}
			x.steps++
			id := x.add(o.close(), uint32(i), st)
			if o.wrong != "" {
				x.failure, x.at = o.wrong, id
			}
		})
	}
	return x
}

func (x *search) add(w world, parent uint32, st step) uint32 {
	if id, ok := x.found[w]; ok {
		return id
	}
	id := uint32(len(x.worlds))
	x.found[w] = id
	x.worlds = append(x.worlds, w)
	x.parent = append(x.parent, parent)
	x.via = append(x.via, st)
	if x.failure == "" {
		if wrong := x.wrong(w); wrong != "" {
			x.failure, x.at = wrong, id
		}
	}
	return id
}

// story tells how a world came about, step by step.
func (x *search) story(id uint32) string {
	var lines []string
	for ; id != 0; id = x.parent[id] {
		lines = append(lines, x.told1(id))
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "%2d. %s\n", len(lines)-i, lines[i])
	}
	return b.String()
}

func (x *search) told1(id uint32) string {
	return fmt.Sprintf("%-50s %s", x.via[id].text(), x.open2(x.worlds[id]))
}

func (m *model) open2(w world) string {
	o := m.open(w)
	var b strings.Builder
	for s := range 2 {
		h := ""
		if o.s[s].hint {
			h = ", hint"
		}
		fmt.Fprintf(&b, "%c: %s%s | ", "AB"[s], o.holds(s).text(), h)
	}
	for k := range o.mail {
		for s := range o.mail[k] {
			for _, l := range o.mail[k][s] {
				if l != 0 {
					fmt.Fprintf(&b, "\n        %s of %c: %s (%d)", []string{"request", "answer to request"}[k], "AB"[s], m.letters.values[l>>1].text(), l&1)
				}
			}
		}
	}
	return b.String()
}

func TestSearchTry(t *testing.T) {
	for _, b := range []bounds{
		{name: "1 edit", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true},
		{name: "2/1 edits", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true},
		{name: "2/1 edits refuses common", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, refuses: true, common: true},
		{name: "1/1 edits restores", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, restores: 1, reconciles: true},
		//		{name: "2/1 edits restores", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, restores: 1, reconciles: true},
	} {
		start := time.Now()
		x := explore(b, Observe)
		t.Logf("%s: %d worlds, %d steps, %d holdings, %d letters, %v", b.name, len(x.worlds), x.steps, len(x.holdings.values), len(x.letters.values), time.Since(start))
		if x.failure != "" {
			t.Fatalf("%s\n%s", x.failure, x.story(x.at))
		}
	}
}
