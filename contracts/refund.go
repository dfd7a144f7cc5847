package contracts

import (
	"strconv"
	"time"
)

// RefundsMax is the largest number of refunds of an order.
const RefundsMax = 100

// Refund records money that was given back, goods that were returned, or both. An order keeps its lines
// as they were sold; refunds stand beside them.
type Refund struct {
	ID          string       `json:"id,omitzero"` // UUID, unique within the order; filled in when a client leaves it out
	AmountMinor int64        `json:"amountMinor"`
	Reason      string       `json:"reason,omitzero"`
	At          time.Time    `json:"at"`
	Lines       []RefundLine `json:"lines,omitzero"` // the goods it is for
}

// RefundLine is a number of pieces of one line of the order.
type RefundLine struct {
	LineID   string `json:"lineId"`
	Quantity int64  `json:"quantity"`
}

// refunded sums up the refunds. At most RefundsMax of MinorMax each do not overflow.
func (o *Order) refunded() (minor int64) {
	for i := range o.Refunds {
		minor += o.Refunds[i].AmountMinor
	}
	return minor
}

// checkRefunds checks each refund by itself, and the refunded pieces against the lines. It reports
// whether there is an amount for each. Their sum is compared with the totals. What a faulty line leaves
// unknown is not reported a second time.
func (o *Order) checkRefunds(c *checker, linesRight bool) (sound bool) {
	if len(o.Refunds) == 0 {
		return true
	}
	if !c.count("refunds", len(o.Refunds), RefundsMax) {
		return false
	}
	defer c.in("")
	left := make(map[string]int64, len(o.Lines)) // pieces of each line that may still be refunded
	for i := range o.Lines {
		left[o.Lines[i].LineID] = o.Lines[i].Quantity
	}
	sound = true
	seen := make(map[string]struct{}, len(o.Refunds))
	for i := range o.Refunds {
		r := &o.Refunds[i]
		c.item("/refunds", i)
		c.form("id", r.ID, isID, formID)
		if _, twice := seen[r.ID]; twice && r.ID != "" {
			c.fail("id", "is the id of another refund")
		}
		seen[r.ID] = struct{}{}
		amount := c.number("amountMinor", r.AmountMinor, 0, MinorMax)
		sound = amount && sound
		if amount && r.AmountMinor == 0 && len(r.Lines) == 0 {
			c.fail("amountMinor", "must not be 0 unless the refund has lines")
		}
		c.note("reason", r.Reason, NoteLengthMax)
		c.time("at", r.At)
		if c.count("lines", len(r.Lines), LinesMax) && linesRight {
			r.checkLines(c, "/refunds/"+strconv.Itoa(i)+"/lines", left)
		}
	}
	return sound
}

func (r *Refund) checkLines(c *checker, place string, left map[string]int64) {
	seen := make(map[string]struct{}, len(r.Lines))
	for i, l := range r.Lines {
		c.item(place, i)
		n, known := left[l.LineID]
		_, twice := seen[l.LineID]
		switch {
		case !isID(l.LineID):
			c.form("lineId", l.LineID, isID, formID)
		case !known:
			c.fail("lineId", "is not the id of a line of this order")
		case twice:
			c.fail("lineId", "appears twice in this refund")
		case !c.number("quantity", l.Quantity, 1, QuantityMax):
		case l.Quantity > n:
			c.fail("quantity", "must not, with the other refunds of this line, be more than the line's quantity")
		default:
			left[l.LineID] = n - l.Quantity
		}
		seen[l.LineID] = struct{}{}
	}
}
