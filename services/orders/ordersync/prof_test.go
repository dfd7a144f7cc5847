package ordersync

import (
	"testing"
	"time"
)

func TestProf(t *testing.T) {
	start := time.Now()
	x := explore(bounds{edits: [2]int{2, 2}, inFlight: 1, brokerLoss: true}, Observe)
	t.Logf("%d worlds, %d steps, %d holdings, %d letters, %d sides %d mails %v", len(x.worlds), x.steps, len(x.holdings.values), len(x.letters.values), len(x.sides.values), len(x.mails.values), time.Since(start))
	if x.failure != "" {
		t.Fatal(x.failure, x.story(x.at))
	}
}
