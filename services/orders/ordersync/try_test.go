package ordersync

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	capWorlds = 12_000_000
	for _, b := range []bounds{
		{name: "t1 1/1", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true},
		{name: "t1 1/1 no loss", edits: [2]int{1, 1}, inFlight: 1},
		{name: "t1 2/1", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true},
		{name: "t1 2/1 no loss", edits: [2]int{2, 1}, inFlight: 1},
		{name: "t1 1/1 restores", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, restores: 1},
		{name: "t2 2/2", edits: [2]int{2, 2}, inFlight: 1, brokerLoss: true},
		{name: "t3 2/1 common", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, common: true},
		{name: "t3 1/1 common refuses", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, common: true, refuses: true},
		{name: "t3 2/1 refuses", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, refuses: true},
		{name: "t4 1/1 door refuses", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, door: true, refuses: true},
		{name: "t4 2/1 door", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, door: true},
		{name: "t5 1/1 late", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, lateTexts: true},
		{name: "t5 2/1 late", edits: [2]int{2, 1}, inFlight: 1, brokerLoss: true, lateTexts: true},
		{name: "t6 1/1 restores refuses", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, restores: 1, refuses: true},
		{name: "t6 1/1 restores common", edits: [2]int{1, 1}, inFlight: 1, brokerLoss: true, restores: 1, common: true},
		{name: "t7 2/1 restores nodup", edits: [2]int{2, 1}, inFlight: 1, restores: 1, noDup: true},
		{name: "t8 1/1 2 restores nodup", edits: [2]int{1, 1}, inFlight: 1, restores: 2, noDup: true},
		{name: "t9 1/1 inflight 2", edits: [2]int{1, 1}, inFlight: 2, brokerLoss: true},
		{name: "t9 2/1 inflight 2", edits: [2]int{2, 1}, inFlight: 2, brokerLoss: true},
		{name: "t2b 2/2 nodup common refuses", edits: [2]int{2, 2}, inFlight: 1, noDup: true, common: true, refuses: true},
	} {
		ok := false
		for _, p := range strings.Split(os.Getenv("TRY"), ",") {
			if strings.HasPrefix(b.name, p) {
				ok = true
			}
		}
		if !ok {
			continue
		}
		start := time.Now()
		x := explore(b, Observe)
		t.Logf("%s: %d worlds, %d steps, %d holdings, %d letters, %d sides, %d mails, %v", b.name, len(x.worlds), x.steps, len(x.holdings.values), len(x.letters.values), len(x.sides.values), len(x.mails.values), time.Since(start))
		if x.failure != "" {
			t.Errorf("%s\n%s", x.failure, x.story(x.at))
			continue
		}
		if len(x.worlds) >= capWorlds {
			continue
		}
		start = time.Now()
		n, wrong, at := x.calm()
		t.Logf("calm %d %v", n, time.Since(start))
		if wrong != "" {
			t.Errorf("%s\n%s", wrong, x.story(at))
		}
	}
}
