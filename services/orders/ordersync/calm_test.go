package ordersync

// calm walks on from every world that was found without people and without faults: hints are taken
// once, letters arrive once, what is due gets its hint, a restore is reconciled. Whatever comes first,
// it must end, and end in a quiet world; so from every world there is a way to a quiet one. It
// returns the number of steps of the longest such walk.
func (x *search) calm() (longest int, wrong string, at uint32) {
	depths := make([]uint16, len(x.worlds))
	for id := range x.worlds {
		if wrong, at = x.settle(uint32(id), depths); wrong != "" {
			return 0, wrong, at
		}
		longest = max(longest, int(depths[id])-1)
	}
	return longest, "", 0
}

const underway = ^uint16(0)

// settle finds the longest way from a world to a quiet one; depths holds it, plus one.
func (x *search) settle(id uint32, depths []uint16) (wrong string, at uint32) {
	switch depths[id] {
	case 0:
	case underway:
		return "without people and faults the sides never come to an end", id
	default:
		return "", 0
	}
	depths[id] = underway
	depth := uint16(0)
	var next []uint32
	x.each(x.worlds[id], true, func(st step, o *open) {
		n, known := x.found.put(o.close())
		if !known {
			panic("a world was not found: " + st.text())
		}
		next = append(next, n)
	})
	for _, n := range next {
		if wrong, at = x.settle(n, depths); wrong != "" {
			return wrong, at
		}
		depth = max(depth, depths[n])
	}
	if o := x.open(x.worlds[id]); len(next) == 0 && !o.quiet() {
		return "without people nothing more happens, and it is not quiet", id
	}
	depths[id] = depth + 1
	return "", 0
}

// calm tells a step that happens without people and without faults.
func (o *open) calm(do deed, s int) bool {
	switch do {
	case requestArrives, answerIsWritten, answerArrives, heals:
		return true
	case sends: // unless the hint is being worked on
		for k := range o.mail {
			for _, l := range o.mail[k][s] {
				if l&1 == 1 {
					return false
				}
			}
		}
		return true
	case reconciles:
		return o.s[0].behind
	default:
		return false
	}
}
