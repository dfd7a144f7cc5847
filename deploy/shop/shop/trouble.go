package shop

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is something that goes wrong with a call.
type Kind string

// What goes wrong. Of the first group nothing takes place; of the second the call takes place, and its answer suffers.
const (
	ErrorIn200  Kind = "error-in-200" // 200 with an error of the API as its body
	Captcha     Kind = "captcha"      // 202 with a page that wants to see a human
	HTML        Kind = "html"         // 200 with a page
	Empty       Kind = "empty"        // 200 with an empty list, to GETs of lists; others are answered as ever
	Gone        Kind = "gone"         // 404 that says of each order that there is none
	NoRoute     Kind = "no-route"     // 404 that says that there is no such API
	NotFound    Kind = "not-found"    // 404 with a page
	Unavailable Kind = "unavailable"  // 503 with a page
	Failure     Kind = "failure"      // 500 with an error of the API
	Forbidden   Kind = "forbidden"    // 401: the key is not known any more
	Redirect    Kind = "redirect"     // 302 to a page to log in on
	CutBefore   Kind = "cut-before"   // the connection ends

	CutAfter  Kind = "cut-after" // the connection ends in place of the answer
	Truncated Kind = "truncated" // half of the answer, with a length that fits
	CutHalf   Kind = "cut-half"  // half of the answer, then the connection ends
	Stray     Kind = "stray"     // text before the JSON
	Slow      Kind = "slow"      // the answer comes after Delay
)

var kinds = []Kind{
	ErrorIn200, Captcha, HTML, Empty, Gone, NoRoute, NotFound, Unavailable, Failure, Forbidden, Redirect, CutBefore,
	CutAfter, Truncated, CutHalf, Stray, Slow,
}

// Trouble is what goes wrong with some calls.
type Trouble struct {
	Kind   Kind
	Method string        // of the calls; empty: any
	Path   string        // the calls' path contains it; empty: any
	Skip   int           // so many such calls go well before
	Times  int           // then it happens to so many; 0: to all
	Delay  time.Duration // of Slow
}

// trouble is a Trouble with the calls that it met.
type trouble struct {
	Trouble
	met, happened int
}

// Cause has something go wrong from now on. End ends it, and returns to how many calls it happened; it may be called
// more than once. Of several that fit a call the earliest happens.
func (s *Shop) Cause(t Trouble) (end func() (happened int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := &trouble{Trouble: t}
	s.troubles = append(s.troubles, mine)
	return func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.troubles = slices.DeleteFunc(s.troubles, func(t *trouble) bool { return t == mine })
		return mine.happened
	}
}

// ParseTrouble reads KIND, KIND:METHOD or KIND:METHOD:TIMES. Slow is a second.
func ParseTrouble(text string) (t Trouble, err error) {
	kind, rest, _ := strings.Cut(text, ":")
	method, times, _ := strings.Cut(rest, ":")
	t = Trouble{Kind: Kind(kind), Method: strings.ToUpper(method), Delay: time.Second}
	if !slices.Contains(kinds, t.Kind) {
		return t, fmt.Errorf("trouble %s: there are %v", kind, kinds)
	}
	if times != "" {
		if t.Times, err = strconv.Atoi(times); err != nil || t.Times < 0 {
			return t, fmt.Errorf("trouble %s: how many times?", text)
		}
	}
	return t, nil
}

// troubleOf is what goes wrong with a call; its kind is empty when nothing does.
func (s *Shop) troubleOf(c Call) Trouble {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.troubles {
		if t.Method != "" && t.Method != c.Method || !strings.Contains(c.Path, t.Path) || t.Kind == Empty && !listed(c) {
			continue
		}
		if t.met++; t.met <= t.Skip || t.Times > 0 && t.happened >= t.Times {
			continue
		}
		t.happened++
		return t.Trouble
	}
	return Trouble{}
}

// listed reports whether a call is for a list of orders.
func listed(c Call) bool { return c.Method == http.MethodGet && c.Path == ordersPath }

const (
	captchaPage = `<!doctype html><html><head><title>One moment, please...</title></head><body><h1>Checking that you are human</h1><script>setTimeout(function(){location.reload()},5000)</script></body></html>`
	plainPage   = `<!doctype html><html><head><title>Simulated shop</title></head><body><h1>Welcome</h1><p>Our newest goods.</p></body></html>`
	strayText   = "<br />\n<b>Notice</b>:  Undefined index: price in <b>/srv/shop/plugins/labels/labels.php</b> on line <b>42</b><br />\n"
)

// instead is the answer to a call that does not take place; nil: it does.
func instead(kind Kind) *answer {
	switch kind {
	case ErrorIn200:
		return jsonAnswer(http.StatusOK, object{"code": "internal_server_error", "message": "There has been a critical error on this website.", "data": object{"status": 500}})
	case Captcha:
		return pageAnswer(http.StatusAccepted, captchaPage)
	case HTML:
		return pageAnswer(http.StatusOK, plainPage)
	case Empty:
		a := jsonAnswer(http.StatusOK, []object{})
		a.header.Set("X-WP-Total", "0")
		a.header.Set("X-WP-TotalPages", "0")
		return a
	case Gone:
		return noSuchOrder.answer()
	case NoRoute:
		return noRoute.answer()
	case NotFound:
		return pageAnswer(http.StatusNotFound, "<!doctype html><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>")
	case Unavailable:
		return pageAnswer(http.StatusServiceUnavailable, "<!doctype html><html><head><title>Maintenance</title></head><body><h1>Briefly unavailable for scheduled maintenance.</h1></body></html>")
	case Failure:
		return refused(http.StatusInternalServerError, "internal_server_error", "There has been a critical error on this website.").answer()
	case Forbidden:
		return badKey.answer()
	case Redirect:
		a := pageAnswer(http.StatusFound, "")
		a.header.Set("Location", "/wp-login.php")
		return a
	}
	return nil
}

// spoil does to an answer what goes wrong with it.
func (a *answer) spoil(t Trouble) {
	switch t.Kind {
	case Truncated:
		a.body = a.body[:len(a.body)/2]
	case Stray:
		a.body = append([]byte(strayText), a.body...)
	case CutHalf:
		a.cut, a.body = true, a.body[:len(a.body)/2]
	case CutAfter:
		a.cut, a.body = true, nil
	}
}
