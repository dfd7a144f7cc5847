package shop

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// rate is how much of the limit is used, and until when the shop wants no call.
type rate struct {
	began      time.Time // of the window
	used       int
	until      time.Time // no call before
	told       time.Time // when that was first answered; zero: to nobody yet
	violations []Violation
}

// Violation is a call that came although an answer had said when the next one may come.
type Violation struct {
	Call  Call
	After time.Duration // after that answer was made; very little: the call may have been under way
	Early time.Duration // before the time that it named
}

// Violations are the calls since the last ClearCalls that came too early.
func (s *Shop) Violations() []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rate.violations)
}

// Throttle has the shop answer 429 to every call for a while, in whole seconds.
func (s *Shop) Throttle(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rate.until, s.rate.told = s.opts.Now().Add(d), time.Time{}
}

// admit counts a call, and returns the answer to one that comes too early; nil: it may go on. The headers say what is
// left in either case.
func (s *Shop) admit(c Call, h http.Header) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, limit := s.opts.Now(), s.opts.RateLimit
	if limit > 0 && now.Sub(s.rate.began) >= s.opts.RateWindow {
		s.rate.began, s.rate.used = now, 0
	}
	early := s.rate.until.Sub(now)
	if early > 0 && !s.rate.told.IsZero() {
		s.rate.violations = append(s.rate.violations, Violation{c, now.Sub(s.rate.told), early})
	}
	if early <= 0 && limit > 0 && s.rate.used >= limit {
		early = s.rate.began.Add(s.opts.RateWindow).Sub(now)
		s.rate.told = time.Time{}
	}
	if early <= 0 {
		s.rate.used++
	}
	if limit > 0 {
		left, reset := strconv.Itoa(max(0, limit-s.rate.used)), strconv.FormatInt(s.rate.began.Add(s.opts.RateWindow).Unix(), 10)
		for _, prefix := range []string{"RateLimit-", "X-RateLimit-"} {
			h.Set(prefix+"Limit", strconv.Itoa(limit))
			h.Set(prefix+"Remaining", left)
			h.Set(prefix+"Reset", reset)
		}
	}
	if early <= 0 {
		return nil
	}
	seconds := int64((early + time.Second - 1) / time.Second)
	if s.rate.told.IsZero() {
		s.rate.told = now
	}
	// From the answer on it is what the answer says that counts.
	if promised := now.Add(time.Duration(seconds) * time.Second); s.opts.RetryAfterAsDate {
		promised = promised.Truncate(time.Second)
		h.Set("Retry-After", promised.UTC().Format(http.TimeFormat))
		s.rate.until = promised
	} else {
		h.Set("Retry-After", strconv.FormatInt(seconds, 10))
		if s.rate.told.Equal(now) {
			s.rate.until = promised
		}
	}
	return refused(http.StatusTooManyRequests, "rate_limit_exceeded", "Too many requests. Please wait "+strconv.FormatInt(seconds, 10)+" seconds.")
}
