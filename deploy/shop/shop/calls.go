package shop

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// callsMax is how many calls are remembered; the earlier ones are forgotten.
const callsMax = 20_000

// Call is one call to the API.
type Call struct {
	Method string
	Path   string // of the address, without the query
	Query  url.Values
	Body   []byte // that came with it
	At     time.Time
	Status int // 0: no answer left the shop whole
}

// Writes reports whether a call is one that may change something.
func (c *Call) Writes() bool { return c.Method != http.MethodGet }

type calls struct {
	list  []Call
	total int
}

// Calls are the calls since the last ClearCalls, oldest first.
func (s *Shop) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls.list)
}

// ClearCalls forgets the calls and the violations so far.
func (s *Shop) ClearCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = calls{}
	s.rate.violations = nil
}

// Count counts the calls that Calls has by a method and the beginning of a path, both of which may be empty.
func (s *Shop) Count(method, path string) (n int) {
	for _, c := range s.Calls() {
		if (method == "" || c.Method == method) && strings.HasPrefix(c.Path, path) {
			n++
		}
	}
	return n
}

// Total is the number of calls since the last ClearCalls, those too that are forgotten.
func (s *Shop) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls.total
}

func (s *Shop) logCall(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls.list) >= callsMax {
		s.calls.list = slices.Delete(s.calls.list, 0, callsMax/2)
	}
	s.calls.list = append(s.calls.list, c)
	s.calls.total++
}
