package ordersync

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVersionsStaySmallForYears: four sides of two processes each, all started anew every day, edit one order every
// day, at every process. One side is away for months and comes back. Versions stay small, and nothing collides.
func TestVersionsStaySmallForYears(t *testing.T) {
	for _, g := range []topology{{"chain of 4", 4, [][2]int{{0, 1}, {1, 2}, {2, 3}}}, star4, ring4} {
		t.Run(g.name, func(t *testing.T) {
			y := newYears(t, g)
			const days, gone, back, away = 300, 100, 200, 3 // D is away
			for day := range days {
				y.away = -1
				if gone <= day && day < back {
					y.away = away
				}
				for process := range 2 * g.sides {
					s := (process + 1) % g.sides
					if s == y.away {
						continue // it is cut off, and nobody is there
					}
					y.number[s]++
					y.write(s, Dot{fmt.Sprintf("%c.%d.%d", 'a'+s, day, process), y.number[s]})
					y.settle()
				}
			}
			require.LessOrEqual(t, y.most, g.sides*keepEach)
			require.LessOrEqual(t, y.mostTold, g.sides*keepEach+1, "and a head that a peer had last")
			for s := range g.sides {
				require.Equal(t, y.heads[0].Version.String(), y.heads[s].Version.String())
				require.Equal(t, y.heads[0].Fingerprint, y.heads[s].Fingerprint)
			}
			t.Logf("at most %d elements stored, %d told, %d bytes", y.most, y.mostTold, y.bytes)
		})
	}
}

// years are several sides, and nothing else: each entry arrives, and so does its answer.
type years struct {
	*testing.T
	*rand.Rand
	heads  [sidesMax]Head
	number [sidesMax]int64
	links  map[[2]int]*Link // from, to
	away   int

	most, mostTold, bytes int
}

func newYears(t *testing.T, g topology) *years {
	y := &years{T: t, Rand: rand.New(rand.NewPCG(1, 1)), links: map[[2]int]*Link{}, away: -1}
	for _, e := range g.edges {
		y.links[e], y.links[[2]int{e[1], e[0]}] = &Link{}, &Link{}
	}
	return y
}

func (y *years) write(s int, stamp Dot) {
	y.becomes(s, Written(y.heads[s], fmt.Sprint(stamp), false, stamp, Writer{}), -1)
}

func (y *years) becomes(s int, next Head, from int) {
	before := y.heads[s]
	y.heads[s] = next
	y.most, y.bytes = max(y.most, len(next.Version.Dots())), max(y.bytes, len(next.Version.String()))
	if next.Version.Compare(before.Version) == Equal {
		return
	}
	for at, l := range y.links {
		if at[0] == s && at[1] != from {
			*l = l.Rewritten(before, next)
		}
	}
}

// settle has every side tell its peers what they do not have, until all who are there have the same.
func (y *years) settle() {
	for again := true; again; {
		again = false
		for at, l := range y.links { // in any order
			if l.Due && at[0] != y.away && at[1] != y.away {
				y.exchange(at[0], at[1])
				again = true
			}
		}
	}
}

func (y *years) exchange(from, to int) {
	asked := y.observe(to, from, y.tells(from, to))
	answer := y.tells(to, from)
	answer.AnswerTo = &asked.Version
	y.observe(from, to, answer)
	require.True(y, y.links[[2]int{from, to}].State.Settled(), "%+v", y.links[[2]int{from, to}])
}

func (y *years) tells(from, to int) Entry {
	r := Record{y.heads[from], *y.links[[2]int{from, to}]}.Towards()
	y.mostTold = max(y.mostTold, len(r.Version.Dots()))
	return Entry{Head: r.Head, State: r.State}
}

func (y *years) observe(s, peer int, e Entry) Entry {
	l := y.links[[2]int{s, peer}]
	o := Observe(Record{y.heads[s], *l}, e)
	require.False(y, o.State.InConflict(), "%s, %s", o.State, o.Rule.Remark())
	y.becomes(s, o.Head, peer)
	*l = o.Link
	return e
}
