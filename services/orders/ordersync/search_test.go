package ordersync

import (
	"fmt"
	"strings"
)

// search visits every world that can come about within the bounds, nearest first.
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
	for i := 0; i < len(x.worlds) && x.failure == "" && len(x.worlds) < capWorlds; i++ {
		x.each(x.worlds[i], false, func(st step, o *open) {
			x.steps++
			if id := x.add(o.close(), uint32(i), st); o.wrong != "" && x.failure == "" {
				x.failure, x.at = o.wrong, id
			}
		})
	}
	return x
}

func (x *search) add(w world, parent uint32, st step) uint32 {
	id, known := x.found.put(w)
	if known {
		return id
	}
	x.worlds = append(x.worlds, w)
	x.parent = append(x.parent, parent)
	x.via = append(x.via, st)
	if wrong := x.wrong(w); wrong != "" && x.failure == "" {
		x.failure, x.at = wrong, id
	}
	return id
}

// story tells how a world came about, step by step.
func (x *search) story(id uint32) string {
	var lines []string
	for ; id != 0; id = x.parent[id] {
		lines = append(lines, x.via[id].text()+"\n"+x.text(x.worlds[id]))
	}
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "%2d. %s", i+1, lines[len(lines)-1-i])
	}
	return b.String()
}

// index numbers worlds in the order in which they come: a hash table with open addressing, since
// a map of this size would be most of the search.
type index struct {
	keys []world // key+1
	ids  []uint32
	n    uint32
}

func (x *index) put(w world) (id uint32, known bool) {
	if int(x.n)*2 >= len(x.keys) {
		x.grow()
	}
	at := x.at(w)
	if x.keys[at] == w+1 {
		return x.ids[at], true
	}
	x.keys[at], x.ids[at] = w+1, x.n
	x.n++
	return x.n - 1, false
}

func (x *index) at(w world) int {
	mask := len(x.keys) - 1
	at := int(uint64(w+1)*0x9E3779B97F4A7C15>>20) & mask
	for x.keys[at] != 0 && x.keys[at] != w+1 {
		at = (at + 1) & mask
	}
	return at
}

func (x *index) grow() {
	old := *x
	x.keys, x.ids = make([]world, max(1<<10, 2*len(old.keys))), make([]uint32, max(1<<10, 2*len(old.keys)))
	for i, k := range old.keys {
		if k != 0 {
			at := x.at(k - 1)
			x.keys[at], x.ids[at] = k, old.ids[i]
		}
	}
}

var capWorlds = 1 << 40
