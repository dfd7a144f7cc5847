package contracts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checker collects what is wrong with a message, in the order of its fields. It builds a pointer only
// once something is wrong, as nearly every message is right.
type checker struct {
	errs  []FieldError
	place string // pointer of the object, or of the list, that is being looked at
	index int    // within that list; -1 when place is an object
}

// in moves on to the object at a pointer.
func (c *checker) in(place string) { c.place, c.index = place, -1 }

// item moves on to an element of the list at a pointer.
func (c *checker) item(place string, i int) { c.place, c.index = place, i }

// fail notes that the field of the present object, or with an empty name the object itself, is wrong.
func (c *checker) fail(name, detail string) {
	if len(c.errs) == FieldErrorsMax {
		return
	}
	pointer := c.place
	if c.index >= 0 {
		pointer += "/" + strconv.Itoa(c.index)
	}
	if name != "" {
		pointer += "/" + pointerToken(name)
	}
	c.errs = append(c.errs, FieldError{Pointer: pointer, Detail: detail})
}

// pointerToken makes a name part of a pointer. A key that the sender made up may be anything; it is
// cut short and made printable, so that the pointer can be shown and told on.
func pointerToken(name string) string {
	const runesMax = 64
	if len(name) > runesMax && utf8.RuneCountInString(name) > runesMax {
		name = string([]rune(name)[:runesMax]) + "…"
	}
	name = strings.Map(func(r rune) rune {
		if isControl(r) {
			return utf8.RuneError
		}
		return r
	}, name)
	return PointerToken(name)
}

const required = "is required"

// text checks a single line that may be empty.
func (c *checker) text(name, s string, runesMax int) {
	if fault := textFault(s, runesMax, ""); fault != "" {
		c.fail(name, fault)
	}
}

// requiredText checks a single line that may not be empty.
func (c *checker) requiredText(name, s string, runesMax int) {
	if s == "" {
		c.fail(name, required)
		return
	}
	c.text(name, s, runesMax)
}

// note checks a text of several lines.
func (c *checker) note(name, s string, runesMax int) {
	if fault := textFault(s, runesMax, "\n\t"); fault != "" {
		c.fail(name, fault)
	}
}

// lengthOnly checks a text that somebody else wrote and that is only shown.
func (c *checker) lengthOnly(name, s string, runesMax int) {
	switch {
	case utf8.RuneCountInString(s) > runesMax:
		c.fail(name, fmt.Sprintf("must be at most %d characters long", runesMax))
	case !IsText(s):
		c.fail(name, "must be valid UTF-8 without NUL")
	}
}

// form checks a text that is required in a certain form.
func (c *checker) form(name, s string, is func(string) bool, detail string) {
	switch {
	case s == "":
		c.fail(name, required)
	case !is(s):
		c.fail(name, detail)
	}
}

// optionalForm checks a text that has a certain form unless it is empty.
func (c *checker) optionalForm(name, s string, is func(string) bool, detail string) {
	if s != "" && !is(s) {
		c.fail(name, detail)
	}
}

// number checks the range of an integer, and tells whether it is kept.
func (c *checker) number(name string, n, low, high int64) bool {
	if n < low || n > high {
		c.fail(name, fmt.Sprintf("must be between %d and %d", low, high))
		return false
	}
	return true
}

// count checks the length of a list, and tells whether it is kept.
func (c *checker) count(name string, n, high int) bool {
	if n > high {
		c.fail(name, fmt.Sprintf("must not hold more than %d", high))
		return false
	}
	return true
}

// time checks a required time.
func (c *checker) time(name string, t time.Time) {
	switch year := t.UTC().Year(); {
	case t.IsZero():
		c.fail(name, required)
	case year < YearMin || year > YearMax:
		c.fail(name, fmt.Sprintf("must be in the years %d to %d, in UTC", YearMin, YearMax))
	case t.Nanosecond()%int(time.Microsecond) != 0:
		c.fail(name, "must not be finer than microseconds")
	}
}

// oneOf checks a required name out of a list.
func oneOf[T ~string](c *checker, name string, v T, list []T) {
	switch {
	case v == "":
		c.fail(name, required)
	case !slices.Contains(list, v):
		words := make([]string, len(list))
		for i, w := range list {
			words[i] = string(w)
		}
		c.fail(name, "must be one of "+strings.Join(words, ", "))
	}
}

// textFault says what is wrong with a text: nothing may hold control characters, but those allowed.
func textFault(s string, runesMax int, allowed string) string {
	for i := 0; i < len(s); {
		if s[i] >= 0x20 && s[i] < 0x7f { // nearly all there is
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return "must be valid UTF-8"
		case isControl(r) && !strings.ContainsRune(allowed, r):
			if allowed != "" {
				return "must not hold control characters other than line feed and tab"
			}
			return "must not hold control characters"
		}
		i += size
	}
	if len(s) > runesMax && utf8.RuneCountInString(s) > runesMax {
		return fmt.Sprintf("must be at most %d characters long", runesMax)
	}
	return ""
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// IsText reports whether a text can be stored: it is valid UTF-8 without NUL.
func IsText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
