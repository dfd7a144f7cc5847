package bridge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func someOrders(n int) []*order {
	var all []*order
	for i := range n {
		all = append(all, &order{id: orderID(i)})
	}
	return all
}

// play tries the pieces of a plan; judges tells the verdict of each. It returns how many tries it took.
func play(t *testing.T, orders []*order, judges func(piece []*order) verdict) (tries int) {
	t.Helper()
	p := newPlan(orders)
	for piece := p.next(); len(piece) > 0; piece = p.next() {
		tries++
		require.Less(t, tries, 10_000, "the plan comes to an end")
		v := judges(piece)
		if v == settled || len(piece) == 1 && (v == refused || v == later || v == retry) {
			for _, o := range piece {
				o.released.Store(true)
			}
		}
		p.learn(v, piece, len(piece))
	}
	require.Empty(t, waiting(orders))
	return tries
}

func TestPoisonIsFoundInTenRequestsWhereverItStands(t *testing.T) {
	for n, most := range map[int]int{256: 10, 500: 11, 2: 3, 1: 1} { // the first request included
		for bad := 0; bad < n; bad += 1 + n/100 {
			orders, found := someOrders(n), 0
			tries := 0
			play(t, orders, func(piece []*order) verdict {
				if found == 0 {
					tries++
				}
				for _, o := range piece {
					if o.id != orderID(bad) {
						continue
					}
					if len(piece) == 1 {
						found++
						return refused
					}
					return split
				}
				return settled
			})
			require.Equal(t, 1, found)
			require.LessOrEqual(t, tries, most, "poison %d of %d", bad, n)
		}
	}
}

func TestManyPoisonsAreFoundAndNothingElse(t *testing.T) {
	for _, v := range []verdict{split, retry} { // refused by word, or by breaking down
		for seed := range uint64(20) {
			t.Run(fmt.Sprint(v, seed), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				bad := map[string]bool{}
				for range 50 {
					bad[orderID(random.IntN(500))] = true
				}
				alone := map[string]bool{}
				tries := play(t, someOrders(500), func(piece []*order) verdict {
					for _, o := range piece {
						if bad[o.id] && len(piece) == 1 {
							alone[o.id] = true
							return map[verdict]verdict{split: refused, retry: retry}[v]
						}
						if bad[o.id] {
							return v
						}
					}
					return settled
				})
				require.Equal(t, bad, alone)
				require.Less(t, tries, 600)
			})
		}
	}
}

func TestAFailedPieceLetsTheOthersByAndShrinks(t *testing.T) {
	orders := someOrders(8)
	p := newPlan(orders)
	piece := p.next()
	require.Len(t, piece, 8)
	p.learn(retry, piece, 8)
	piece = p.next()
	require.Equal(t, orders[:4], piece)
	p.learn(retry, piece, 4)
	require.Equal(t, orders[4:6], p.next(), "others first")
	for _, v := range []verdict{wait, unauthorized, misdirected} {
		p.learn(v, p.next(), 2)
		require.Equal(t, orders[4:6], p.next(), "%s says nothing of the orders", v)
	}
	for _, o := range p.next() {
		o.released.Store(true)
	}
	p.learn(settled, orders[4:6], 2)
	require.Len(t, p.next(), 6, "and grows again")
	p.learn(overloaded, p.next(), 6)
	require.Len(t, p.next(), 3, "and shrinks for an overload too")
}

// TestAPieceThatIsBlockedUnreleasedShrinks: an answer may be about the only entry that fitted into the request, and
// it is not known which order of the piece that was.
func TestAPieceThatIsBlockedUnreleasedShrinks(t *testing.T) {
	for _, v := range []verdict{blocked, later, refused} {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			orders := someOrders(3)
			p := newPlan(orders)
			piece := p.next()
			p.learn(v, piece, 1)
			require.Equal(t, orders[:1], p.next())
			orders[0].released.Store(true)
			p.learn(v, orders[:1], 1)
			require.Equal(t, orders[1:], p.next(), "and grows again")
		})
	}
}
