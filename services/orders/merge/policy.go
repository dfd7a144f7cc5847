package merge

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy says what may be settled without a person.
type Policy struct {
	// Merge settles versions that were changed in different fields. Without it a person decides every
	// field that differs and has no rule.
	Merge bool
	Rules Rules
}

// ParsePolicy reads a policy as it is set: a name, and rules between sides.
func ParsePolicy(name, rules string, sides ...string) (p Policy, nameErr, rulesErr error) {
	if p.Merge = name == "merge"; !p.Merge && name != "manual" {
		nameErr = errors.New("must be manual or merge")
	}
	p.Rules, rulesErr = ParseRules(rules, sides...)
	return p, nameErr, rulesErr
}

// Name is the policy without its rules, as it is set.
func (p Policy) Name() string {
	if p.Merge {
		return "merge"
	}
	return "manual"
}

// Rules say how contested fields are decided. The first that covers a field counts.
type Rules []Rule

// Rule is how contested fields are decided that a pattern covers.
type Rule struct {
	// Pattern is a pointer to a field, with * for any name: "/lines/*/quantity". It covers what is below
	// it, too.
	Pattern string
	Decide  Decision
	Side    string // with BySide
}

// Decision is how a contested field is decided.
type Decision uint8

// The decisions.
const (
	ByPerson Decision = iota // nobody but a person
	BySide                   // the side that the rule names owns the field: its value counts, if it wrote one of the two
	ByMax                    // the larger number, the later time
)

// The words of the setting.
const (
	wordManual = "manual"
	wordMax    = "max"
	wordSide   = "side:"
)

// String is the rule as it is set.
func (r Rule) String() string {
	switch r.Decide {
	case BySide:
		return r.Pattern + "=" + wordSide + r.Side
	case ByMax:
		return r.Pattern + "=" + wordMax
	default:
		return r.Pattern + "=" + wordManual
	}
}

// String is the text that ParseRules reads.
func (rules Rules) String() string {
	words := make([]string, len(rules))
	for i, r := range rules {
		words[i] = r.String()
	}
	return strings.Join(words, " ")
}

// Seen is a rule's decision from a side's point of view.
func (r Rule) Seen(side string) string {
	switch {
	case r.Decide == ByMax:
		return "max"
	case r.Decide == BySide && r.Side == side:
		return "ours-always"
	case r.Decide == BySide:
		return "theirs-always"
	default:
		return "manual"
	}
}

// ParseRules reads rules as they are set, separated by blanks, commas or line ends:
//
//	/shippingAddress=side:b /lines/*/quantity=max /internalNote=side:a
//
// A rule names the side that owns a field, and not "ours" or "theirs", so that the same text says the
// same on both sides. Sides are the names that there are.
func ParseRules(text string, sides ...string) (Rules, error) {
	var rules Rules
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) }) {
		pattern, decision, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%s has no decision; a rule is a pattern and a decision, such as /lines/*/quantity=max", word)
		}
		rule := Rule{Pattern: pattern}
		switch side, owned := strings.CutPrefix(decision, wordSide); {
		case owned:
			rule.Decide, rule.Side = BySide, side
			if !slices.Contains(sides, side) {
				return nil, fmt.Errorf("%s names a side that there is not; there are %s", word, strings.Join(sides, " and "))
			}
		case decision == wordMax:
			rule.Decide = ByMax
		case decision != wordManual:
			return nil, fmt.Errorf("%s has no decision that is known; there are %s, %s and %sNAME", word, wordManual, wordMax, wordSide)
		}
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("%s %w", word, err)
		}
		for _, other := range rules {
			if other.Pattern == pattern {
				return nil, fmt.Errorf("%s is there twice", pattern)
			}
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// check refuses a rule that could never apply, or not as it says.
func (r Rule) check() error {
	covered, why := false, ""
	for _, f := range known {
		switch {
		case !covers(r.Pattern, f.pattern):
		case f.fixed != "":
			why = f.fixed
		case r.Decide == ByMax && !f.ordered:
			return fmt.Errorf("asks for the larger of what has no order: %s is no number and no time", f.pattern)
		default:
			covered = true
		}
	}
	switch {
	case covered:
		return nil
	case why != "":
		return fmt.Errorf("is about a field that %s", why)
	default:
		return errors.New("is about no field of an order")
	}
}

// of finds the rule for a field; without one a person decides.
func (rules Rules) of(pointer string) (Rule, bool) {
	for _, r := range rules {
		if covers(r.Pattern, pointer) {
			return r, true
		}
	}
	return Rule{}, false
}

// covers tells that a pointer is the pattern's, or below it. A * of either stands for any name.
func covers(pattern, pointer string) bool {
	if !strings.HasPrefix(pattern, "/") || len(pattern) < 2 {
		return false
	}
	names, of := strings.Split(pattern[1:], "/"), strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	if len(names) > len(of) {
		return false
	}
	for i, name := range names {
		if name != "*" && of[i] != "*" && name != of[i] {
			return false
		}
	}
	return true
}

// larger compares two values of an ordered field; one that is not there is the smaller one.
func larger(x, y any) bool {
	switch {
	case y == nil:
		return true
	case x == nil:
		return false
	}
	s, t := fmt.Sprint(x), fmt.Sprint(y)
	if m, err := strconv.ParseInt(s, 10, 64); err == nil {
		n, err := strconv.ParseInt(t, 10, 64)
		return err == nil && m >= n
	}
	if m, err := time.Parse(time.RFC3339Nano, s); err == nil {
		n, err := time.Parse(time.RFC3339Nano, t)
		return err == nil && !m.Before(n)
	}
	return s >= t // dates, as 2026-11-21
}
