package ordersync

import (
	"fmt"
	"strings"
)

// search visits every world that can come about within the bounds, nearest first, so that the story
// of a failure is a shortest one.
type search struct {
	*model
	worlds  []world
	found   index
	parent  []uint32
	via     []step
	steps   int
	failure string
	at      uint32 // where the failure is
}

func explore(b bounds, decide observer) *search {
	x := &search{model: newModel(b, decide)}
	x.add(0, 0, step{})
	for i := 0; i < len(x.worlds) && x.failure == ""; i++ {
		x.each(x.worlds[i], false, func(st step, o *open) {
			x.steps++
			id := x.add(o.close(), uint32(i), st)
			x.fail(o.wrong, id)
		})
	}
	return x
}

func (x *search) add(w world, parent uint32, st step) uint32 {
	id, known := x.found.put(w)
	if !known {
		x.worlds = append(x.worlds, w)
		x.parent = append(x.parent, parent)
		x.via = append(x.via, st)
		x.fail(x.wrong(w), id)
	}
	return id
}

func (x *search) fail(wrong string, at uint32) {
	if x.failure == "" && wrong != "" {
		x.failure, x.at = wrong, at
	}
}

// story tells how a failure came about, step by step.
func (x *search) story() string {
	if x.failure == "" {
		return ""
	}
	var lines []string
	for id := x.at; id != 0; id = x.parent[id] {
		lines = append(lines, x.via[id].text()+"\n"+x.text(x.worlds[id]))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", x.failure)
	for i := range lines {
		fmt.Fprintf(&b, "%2d. %s", i+1, lines[len(lines)-1-i])
	}
	return b.String()
}

// calm walks on from every world that was found without people and without faults: hints are taken
// once, letters arrive once, what is due gets its hint, a restore is reconciled. Whatever comes first,
// it must end, and end in a quiet world; so from every world there is a way to a quiet one. It returns
// the number of steps of the longest such walk.
func (x *search) calm() (longest int) {
	depths := make([]uint16, len(x.worlds))
	for id := range x.worlds {
		x.settle(uint32(id), depths)
		longest = max(longest, int(depths[id])-1)
	}
	return longest
}

const underway = ^uint16(0)

// settle finds the longest way from a world to a quiet one; depths holds it, plus one.
func (x *search) settle(id uint32, depths []uint16) {
	if depths[id] == underway {
		x.fail("without people and faults the sides never come to an end", id)
	}
	if depths[id] != 0 || x.failure != "" {
		return
	}
	depths[id] = underway
	var next []uint32
	x.each(x.worlds[id], true, func(st step, o *open) {
		n, known := x.found.put(o.close())
		if !known {
			panic("a world was not found: " + st.text())
		}
		next = append(next, n)
	})
	depth := uint16(0)
	for _, n := range next {
		x.settle(n, depths)
		depth = max(depth, depths[n])
	}
	if o := x.open(x.worlds[id]); len(next) == 0 && !o.quiet() {
		x.fail("without people nothing more happens, and it is not quiet", id)
	}
	depths[id] = depth + 1
}

// index numbers worlds in the order in which they come: a hash table with open addressing, since a
// map of this size would be most of the search.
type index struct {
	slots []slot
	n     uint32
}

type slot struct {
	key world // of the world, plus one
	id  uint32
}

func (x *index) put(w world) (id uint32, known bool) {
	if int(x.n)*2 >= len(x.slots) {
		old := x.slots
		x.slots = make([]slot, max(1<<10, 2*len(old)))
		for _, s := range old {
			if s.key != 0 {
				*x.at(s.key) = s
			}
		}
	}
	at := x.at(w + 1)
	if at.key != 0 {
		return at.id, true
	}
	*at = slot{w + 1, x.n}
	x.n++
	return at.id, false
}

func (x *index) at(key world) *slot {
	mask := len(x.slots) - 1
	i := int(uint64(key)*0x9E3779B97F4A7C15>>20) & mask
	for x.slots[i].key != 0 && x.slots[i].key != key {
		i = (i + 1) & mask
	}
	return &x.slots[i]
}
