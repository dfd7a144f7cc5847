package bridge

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// everyOutcome goes through all that can be told apart.
func everyOutcome(yield func(outcome) bool) {
	for _, call := range []call{lookup, remotePut, localPut} {
		for _, entries := range []int{1, 2, 256} {
			if !yield(outcome{call: call, entries: entries, lost: true}) {
				return
			}
			for status := 200; status < 600; status++ {
				for _, body := range []body{nothing, answers, problem, tooLarge, foreign} {
					for _, after := range []time.Duration{0, 5 * time.Second} {
						for _, passes := range []bool{false, body == foreign && call != lookup} {
							if !yield(outcome{call: call, entries: entries, status: status, body: body, retryAfter: after, passes: passes}) {
								return
							}
						}
					}
				}
			}
		}
	}
}

// naive says the same as the table in the plainest way.
func naive(o outcome) verdict {
	blames := map[int]bool{400: true, 413: true, 422: true}[o.status]
	ours := o.body == answers
	switch {
	case o.lost:
		return retry
	case o.call == lookup && o.status == 200 && ours, o.call == remotePut && (o.status == 200 || o.status == 409) && ours, o.call == localPut && o.status == 204:
		return settled
	case o.passes && o.entries == 1:
		return blocked
	case o.passes && (o.status == 429 || o.status == 503 && o.retryAfter > 0):
		return overloaded
	case o.passes:
		return split
	case o.status == 401 || o.status == 403:
		return unauthorized
	case o.status == 429:
		return wait
	case o.status == 503 && o.retryAfter > 0:
		return overloaded
	case (blames || o.body == tooLarge) && o.entries > 1:
		return split
	case blames && o.body == problem && o.call == remotePut:
		return refused
	case blames && o.body == problem:
		return later
	case blames || o.status < 300 || o.status >= 500 || o.status == 408 || o.status == 409 || o.status == 425:
		return retry
	}
	return misdirected
}

func TestEveryOutcomeHasTheVerdictOfTheNaiveTwin(t *testing.T) {
	reached := map[string]bool{}
	for o := range everyOutcome {
		require.Equal(t, naive(o), judge(o), "%+v", o)
		i := slices.IndexFunc(rules, func(r rule) bool { return r.matches(o) })
		reached[rules[i].when] = true
	}
	require.Len(t, reached, len(rules), "every row is reached")
}

func TestWhatMayNeverHappen(t *testing.T) {
	for o := range everyOutcome {
		switch judge(o) {
		case settled:
			require.True(t, o.body == answers && (o.status == 200 || o.call == remotePut && o.status == 409) || o.call == localPut && o.status == 204, "nothing else counts as OK: %+v", o)
		case refused:
			require.True(t, o.call == remotePut && o.entries == 1 && o.body == problem && o.status < 500, "ERROR only by the peer's own word: %+v", o)
		case split:
			require.Greater(t, o.entries, 1)
		case blocked:
			require.True(t, o.entries == 1 && o.passes, "%+v", o)
		case retry, wait, overloaded, unauthorized, misdirected, later:
		}
		if o.status >= 500 || o.lost || o.status == 429 || o.status == 401 || o.body == foreign {
			require.NotEqual(t, refused, judge(o), "%+v", o)
		}
	}
}

func TestVerdictsInWords(t *testing.T) {
	for name, c := range map[string]struct {
		o    outcome
		want verdict
	}{
		"remote answers":                      {outcome{call: remotePut, status: 200, body: answers, entries: 2}, settled},
		"remote answers with collisions":      {outcome{call: remotePut, status: 409, body: answers, entries: 2}, settled},
		"remote 202":                          {outcome{call: remotePut, status: 202, entries: 2}, retry},
		"remote HTML 200":                     {outcome{call: remotePut, status: 200, body: foreign, entries: 2}, retry},
		"remote 409 with a problem":           {outcome{call: remotePut, status: 409, body: problem, entries: 1}, retry},
		"redirect":                            {outcome{call: remotePut, status: 301, entries: 2}, misdirected},
		"wrong URL":                           {outcome{call: remotePut, status: 404, body: problem, entries: 1}, misdirected},
		"revoked token":                       {outcome{call: remotePut, status: 401, body: problem, entries: 1}, unauthorized},
		"own service refuses own bridge":      {outcome{call: lookup, status: 403, entries: 1}, unauthorized},
		"overload that names a time":          {outcome{call: remotePut, status: 503, retryAfter: time.Second, entries: 1}, overloaded},
		"overload that names none":            {outcome{call: remotePut, status: 503, entries: 1}, retry},
		"poison among others":                 {outcome{call: remotePut, status: 422, body: problem, entries: 2}, split},
		"poison alone":                        {outcome{call: remotePut, status: 422, body: problem, entries: 1}, refused},
		"a proxy refuses one as too large":    {outcome{call: remotePut, status: 413, body: foreign, entries: 1}, retry},
		"own service refuses one answer":      {outcome{call: localPut, status: 422, body: problem, entries: 1}, later},
		"own service says 200 where 204 is":   {outcome{call: localPut, status: 200, body: answers, entries: 1}, retry},
		"a filter refuses one of several":     {outcome{call: remotePut, status: 403, body: foreign, entries: 2, passes: true}, split},
		"a filter refuses one":                {outcome{call: remotePut, status: 403, body: foreign, entries: 1, passes: true}, blocked},
		"a proxy refuses the token":           {outcome{call: remotePut, status: 403, body: foreign, entries: 1}, unauthorized},
		"endless answer to one entry":         {outcome{call: remotePut, status: 200, body: tooLarge, entries: 1}, retry},
		"the peer broke down over this batch": {outcome{call: remotePut, status: 500, body: problem, entries: 1}, retry},
	} {
		require.Equal(t, c.want, judge(c.o), name)
	}
}

func TestTheReadmeShowsTheTable(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for i, r := range rules {
		require.Contains(t, string(readme), fmt.Sprintf("\n| %d | %s | %s |\n", i+1, r.when, r.verdict))
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                     0,
		"7":                    7 * time.Second,
		" 7 ":                  7 * time.Second,
		"-1":                   0,
		"1.5":                  0,
		"soon":                 0,
		"99999999999999999999": 0,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
	} {
		require.Equal(t, want, retryAfter(header, now), header)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7")
	f.Add("Sat, 21 Nov 2026 08:30:00 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header, time.Unix(1795249800, 0)); d < 0 {
			t.Fatalf("%q is %s", header, d)
		}
	})
}
