package bridge

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// killed is what a bridge dies of in these tests.
type killed struct{}

// killer kills the bridge at the n-th of the moments at which it acts.
type killer struct{ moments, at int }

func (k *killer) moment() {
	if k.moments++; k.moments == k.at {
		panic(killed{})
	}
}

// around kills before a request gets out, or when its answer is on its way: then the service has done
// what was asked and nobody knows.
type around struct {
	*killer
	http.RoundTripper
}

func (a around) RoundTrip(r *http.Request) (*http.Response, error) {
	a.moment()
	resp, err := a.RoundTripper.RoundTrip(r)
	a.moment()
	return resp, err
}

// live runs a bridge over the messages that are not acknowledged, until it is done or killed.
func live(p *pair, k *killer, all []*hintOf) (died bool) {
	defer func() {
		switch r := recover(); r.(type) {
		case nil:
		case killed:
			died = true
		default:
			panic(r)
		}
	}()
	p.pipe = newTestPipe(zap.NewNop(), around{k, inMemory{p.local}}, around{k, inMemory{p.remote}})
	var left []*hintOf
	for _, m := range all {
		if m.done != "ack" {
			m.done, m.deliveries = "", m.deliveries+1
			m.before = func(string) { k.moment() }
			left = append(left, m)
		}
	}
	p.run(left)
	return false
}

func TestKilledBetweenEveryTwoStepsItEndsTheSame(t *testing.T) {
	for name, prepare := range map[string]func(p *pair){
		"all is well":  func(*pair) {},
		"with poison":  func(p *pair) { p.remote.poison[orderID(3)] = true },
		"half is done": func(p *pair) { p.local.agreed[orderID(1)], p.remote.version[orderID(1)] = 5, 5 },
	} {
		t.Run(name, func(t *testing.T) {
			undisturbed := newPair(t)
			undisturbed.edit(hints(6), 5)
			prepare(undisturbed)
			count := &killer{}
			require.False(t, live(undisturbed, count, hints(6)))
			require.GreaterOrEqual(t, count.moments, 6+6, "both ends of three requests and six acks at least")

			for first := 1; first <= count.moments; first++ {
				for second := 0; second <= count.moments; second += 5 { // killed once more while it repeats
					p := newPair(t)
					all := hints(6)
					p.edit(all, 5)
					prepare(p)
					require.True(t, live(p, &killer{at: first}, all))
					live(p, &killer{at: second}, all)
					require.False(t, live(p, &killer{}, all))
					at := fmt.Sprintf("killed at %d and %d", first, second)
					require.Equal(t, map[string]int{"ack": 6}, tally(all), at)
					require.Equal(t, undisturbed.local.agreed, p.local.agreed, at)
					require.Equal(t, undisturbed.local.refused, p.local.refused, at)
					require.Equal(t, undisturbed.remote.version, p.remote.version, at)
				}
			}
		})
	}
}

func TestNothingIsAcknowledgedBeforeTheAnswerIsStored(t *testing.T) {
	p := newPair(t)
	all := hints(6)
	p.edit(all, 5)
	for _, m := range all {
		m.before = func(string) {
			p.local.set(func() { require.Equal(t, int64(5), p.local.agreed[m.id]) })
		}
	}
	p.run(all)
}

// overtaking lets something happen just before a request gets out.
type overtaking struct {
	http.RoundTripper
	first func()
}

func (o *overtaking) RoundTrip(r *http.Request) (*http.Response, error) {
	if first := o.first; first != nil {
		o.first = nil
		first()
	}
	return o.RoundTripper.RoundTrip(r)
}

func TestABridgeThatWakesUpLateChangesNothing(t *testing.T) {
	for name, which := range map[string]int{"before the lookup": 0, "before the remote PUT": 1, "before the local PUT": 2} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			early, late := hints(5), hints(5)
			p.edit(early, 5)
			overtaken := func() { // slept beyond the AckWait: the hints came to another bridge
				p.edit(early, 6)
				(&pair{newTestPipe(zap.NewNop(), inMemory{p.local}, inMemory{p.remote}), p.local, p.remote}).run(late)
			}
			local, remote := &overtaking{RoundTripper: inMemory{p.local}}, &overtaking{RoundTripper: inMemory{p.remote}}
			switch which {
			case 0:
				local.first = overtaken
			case 1:
				remote.first = overtaken
			case 2:
				local.first = func() { local.first = overtaken }
			}
			p.pipe = newTestPipe(zap.NewNop(), local, remote)
			p.run(early)
			require.Equal(t, map[string]int{"ack": 5}, tally(early))
			require.Equal(t, map[string]int{"ack": 5}, tally(late))
			p.requireEqual(t)
		})
	}
}
