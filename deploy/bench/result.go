//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// result is everything that a run has found out; with -json as it stands.
type result struct {
	Started    time.Time    `json:"started"`
	Seconds    float64      `json:"seconds"`
	Machine    machine      `json:"machine"`
	Sizes      sizes        `json:"sizes"`
	OrderBytes int          `json:"orderBytes"` // as stored
	EntryBytes int          `json:"entryBytes"` // in a batch
	Few        *drains      `json:"few,omitzero"`
	Many       *drains      `json:"many,omitzero"`
	Chain      *wholeChain  `json:"chain,omitzero"`
	Visible    *visibles    `json:"visible,omitzero"`
	TwoWay     *twoWay      `json:"twoWay,omitzero"`
	Copy       *firstCopy   `json:"firstCopy,omitzero"`
	Equality   *equality    `json:"equality,omitzero"`
	Pages      []called     `json:"pages,omitzero"`
	Shop       *shopFigures `json:"shop,omitzero"`
	Memory     []memory     `json:"memory"`
}

// print writes the tables, and the JSON line after them.
func (r *result) print(to io.Writer, asJSON bool) error {
	if err := r.tables(to); err != nil || !asJSON {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "%s\n", line)
	return err
}

// goal is what a figure should reach: a limit, and the one that is wanted after it (0: the same).
type goal struct {
	atLeast     bool
	limit, next float64
}

// The goals. A figure that must not grow may still seem to, by as much as a busy machine adds.
var (
	drainGoal    = goal{atLeast: true, limit: 0.25, next: 0.65} // of the floor in batches
	chainGoal    = goal{atLeast: true, limit: 0.45, next: 0.60} // of the floor in batches
	drainCPUGoal = goal{limit: 3}                               // times the floor in batches
	visibleGoal  = goal{limit: 4, next: 2.5}                    // times the floor, median
	tailGoal     = goal{limit: 6, next: 4}                      // the same, of the slowest in a hundred
	twoWayGoal   = goal{limit: 1.5, next: 1.25}                 // times one direction alone, median
	convergeGoal = goal{limit: 200, next: 60}                   // ms after the last edit
	copyGoal     = goal{atLeast: true, limit: 0.5, next: 0.7}   // of the floor in pages
	equalGoal    = goal{limit: 5, next: 3}                      // times digests in SQL
	bytesGoal    = goal{limit: 120_000, next: 100_000}
	taxGoal      = goal{atLeast: true, limit: 0.75, next: 0.8} // of edits by a PUT into a plain table
	growthGoal   = goal{limit: 1.25}
	serviceGoal  = goal{limit: 200} // MB
	bridgeGoal   = goal{limit: 64}
	pageGoal     = goal{limit: 50}                 // ms
	shopGoal     = goal{atLeast: true, limit: 0.8} // of a loop with the same calls
)

// verdict says whether figures reach the goal.
func (g goal) verdict(figures ...float64) string {
	text := g.one(g.limit, figures)
	if g.next != 0 {
		text += ", then " + g.one(g.next, figures)
	}
	return text
}

func (g goal) one(limit float64, figures []float64) string {
	sign, word := "at most", "met"
	if g.atLeast {
		sign = "at least"
	}
	for _, f := range figures {
		// A figure that is not a number is missed, too.
		if reached := f <= limit && !g.atLeast || f >= limit && g.atLeast; !reached {
			word = "MISSED"
		}
	}
	return fmt.Sprintf("%s %g: %s", sign, limit, word)
}
