package bridge

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// pauseOf is how long the next try has to wait.
func pauseOf(t *testing.T, c *circuit) (pause time.Duration, probe bool) {
	t.Helper()
	began := time.Now()
	probe, err := c.enter(t.Context())
	require.NoError(t, err)
	return time.Since(began), probe
}

// ended is a try that got as far as the remote service.
func ended(v verdict, reason string) response {
	return response{outcome: outcome{call: remotePut}, verdict: v, reason: reason}
}

func TestCircuitOpensAfterThreeFailuresAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		for failure := 1; failure <= 30; failure++ {
			_, probe := pauseOf(t, c)
			require.Equal(t, failure > 3, probe, "a try of an open circuit is a probe")
			c.leave(probe, ended(retry, "down"))
			ceiling := min(30*time.Second, backoffBase<<min(failure-1, 20))
			require.Less(t, time.Until(c.until), ceiling)
			require.Equal(t, failure >= 3, c.state().name == circuitOpen)
		}
		require.Equal(t, "remote: down", c.state().lastError)
		failed := time.Now()
		_, probe := pauseOf(t, c)
		require.Equal(t, circuitHalfOpen, c.state().name)
		c.leave(probe, ended(settled, ""))
		require.Equal(t, circuitState{name: circuitClosed, lastError: "remote: down", failedAt: failed}, c.state(), "what went wrong last is told still")
		pause, _ := pauseOf(t, c)
		require.Zero(t, pause)
		c.leave(false, ended(retry, "down again"))
		require.Equal(t, circuitClosed, c.state().name, "a success forgets earlier failures")
	})
}

func TestCircuitKeepsFullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		c.failures = 20
		var short, long bool
		for range 200 {
			d := c.backoff()
			require.Less(t, d, 30*time.Second)
			short, long = short || d < 10*time.Second, long || d > 20*time.Second
		}
		require.True(t, short && long, "pauses spread over all of the range")
	})
}

func TestOneWorkerProbesWhileTheOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		c.leave(false, ended(misdirected, "404"))
		_, probe := pauseOf(t, c)
		require.True(t, probe)

		var through, ready atomic.Int32
		for range 3 {
			go func() {
				if p, err := c.enter(t.Context()); err == nil && !p {
					through.Add(1)
				}
			}()
			go func() {
				if c.ready(t.Context()) == nil {
					ready.Add(1)
				}
			}()
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Zero(t, through.Load()+ready.Load(), "nobody else while one is trying")
		c.leave(probe, ended(settled, ""))
		synctest.Wait()
		require.Equal(t, int32(3), through.Load())
		require.Equal(t, int32(3), ready.Load())
	})
}

func TestAStragglerDoesNotLetTheOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		_, straggler := pauseOf(t, c)
		c.leave(false, ended(misdirected, "404"))
		_, probe := pauseOf(t, c)
		require.True(t, probe)
		c.leave(straggler, ended(retry, "timed out"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := c.enter(ctx)
		require.Error(t, err, "one is still trying")
	})
}

func TestOnlyWhatGotThroughToTheSameServiceEndsAWait(t *testing.T) {
	looked := response{outcome: outcome{call: lookup}, verdict: settled} // and found nothing to tell
	for name, held := range map[string]verdict{"429": wait, "503": overloaded, "401": unauthorized, "404": misdirected} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCircuit(30*time.Second, zap.NewNop(), func() {})
				c.leave(false, ended(held, name))
				was := c.state()
				c.leave(false, ended(settled, ""))
				require.Equal(t, was, c.state(), "a try that began before")
				_, probe := pauseOf(t, c)
				c.leave(probe, looked)
				require.Equal(t, was, c.state(), "a lookup says nothing of the remote service")
				_, probe = pauseOf(t, c)
				c.leave(probe, ended(settled, ""))
				require.Equal(t, circuitClosed, c.state().name)

				local := ended(held, name)
				local.call = lookup
				c.leave(false, local)
				_, probe = pauseOf(t, c)
				c.leave(probe, looked)
				require.Equal(t, circuitClosed, c.state().name, "a lookup got through where lookups did not")
			})
		})
	}
}

func TestCircuitWaitsAsTold(t *testing.T) {
	for name, c := range map[string]struct{ told, want time.Duration }{
		"as told":             {7 * time.Second, 7 * time.Second},
		"no time named":       {0, time.Second},
		"longer than we wait": {time.Hour, 60 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				circuit := newCircuit(30*time.Second, zap.NewNop(), func() {})
				for range 10 {
					told := ended(wait, "busy")
					told.retryAfter = c.told
					circuit.leave(false, told)
				}
				require.Zero(t, circuit.failures, "no failure is counted")
				pause, probe := pauseOf(t, circuit)
				require.Equal(t, c.want, pause)
				require.True(t, probe, "one at first")
			})
		})
	}
}

// TestAGreetingEndsAWait that is over, where no order tries; it is no reason to try sooner than told, nor to
// forget how often it failed.
func TestAGreetingEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		c := newCircuit(30*time.Second, zap.NewNop(), func() { told++ })
		c.greeted()
		require.Zero(t, told, "it was closed")
		for range 5 {
			_, probe := pauseOf(t, c)
			c.leave(probe, ended(retry, "down"))
		}
		held := ended(overloaded, "held")
		held.retryAfter = 10 * time.Second
		_, probe := pauseOf(t, c)
		c.greeted()
		require.Equal(t, circuitHalfOpen, c.state().name, "somebody is trying")
		c.leave(probe, held)
		told = 0
		time.Sleep(9 * time.Second)
		c.greeted()
		require.Equal(t, circuitOpen, c.state().name, "not before the time")
		time.Sleep(2 * time.Second)
		c.greeted()
		require.Equal(t, circuitClosed, c.state().name)
		require.Equal(t, 1, told)
		_, probe = pauseOf(t, c)
		require.False(t, probe)
		c.leave(probe, ended(retry, "down"))
		require.Equal(t, circuitOpen, c.state().name, "it is no news that it fails")
	})
}

func TestUnauthorizedProbesSlowlyAndAlarmsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.ErrorLevel)
		c := newCircuit(30*time.Second, zap.New(core), func() {})
		for range 5 {
			c.leave(false, ended(unauthorized, "status 401"))
			require.True(t, c.state().barred)
			pause, probe := pauseOf(t, c)
			require.Equal(t, 15*time.Second, pause)
			c.cancel(probe)
		}
		require.Equal(t, 1, logs.Len())
		c.leave(true, ended(settled, ""))
		require.False(t, c.state().barred)
	})
}

func TestWhatIsNoNewsLeavesTheCircuitAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		c.leave(false, ended(misdirected, "404"))
		for range 3 {
			_, probe := pauseOf(t, c)
			require.True(t, probe)
			c.leave(probe, ended(split, "422"))
			require.Equal(t, circuitOpen, c.state().name)
		}
	})
}

func TestCircuitLetsGoOfWhoeverIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCircuit(30*time.Second, zap.NewNop(), func() {})
		c.leave(false, ended(unauthorized, "status 401"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.enter(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, c.ready(ctx), context.DeadlineExceeded)
		c = newCircuit(30*time.Second, zap.NewNop(), func() {})
		_, err = c.enter(ctx)
		require.Error(t, err, "nothing is begun after the stop, open or not")
	})
}
