package bridge

// growth is how much larger a piece may be after one that went through.
const growth = 4

// plan decides which orders of a batch are tried next. It acts on nothing.
type plan struct {
	pending  []*order
	size     int // of the next piece
	suspects int // so many of the first ones were refused together
}

func newPlan(orders []*order) *plan { return &plan{pending: orders, size: len(orders)} }

// next is the piece to try now; none when all orders are released.
func (p *plan) next() []*order {
	p.pending = waiting(p.pending)
	p.size = min(p.size, len(p.pending))
	return p.pending[:p.size]
}

// learn takes in how the try of a piece ended, entries is how many of it were in the request that
// decided. Orders that are through or given back have been released by then.
func (p *plan) learn(v verdict, piece []*order, entries int) {
	left := waiting(piece)
	switch v {
	case settled:
		p.size *= growth
		// The one that is refused stands among the others: go on halving without trying them whole again.
		if p.suspects -= len(piece) - len(left); p.suspects > 0 {
			p.size = (p.suspects + 1) / 2
		}
	case refused, later, blocked: // found; there may be more of the kind
		p.suspects, p.size = 0, growth
		if len(left) == len(piece) { // it is not known which one of them: the first one alone
			p.size = 1
		}
	case split:
		p.suspects, p.size = len(left), max(1, len(left)/2)
	case retry, overloaded:
		// Others first: what stands in the way may be one of these.
		p.pending = append(append([]*order{}, p.pending[len(piece):]...), left...)
		p.suspects, p.size = 0, max(1, entries/2)
	case wait, unauthorized, misdirected: // says nothing of the orders
	}
}

// waiting keeps the orders that are neither acknowledged nor given back.
func waiting(orders []*order) []*order {
	var left []*order
	for _, o := range orders {
		if !o.released.Load() {
			left = append(left, o)
		}
	}
	return left
}
