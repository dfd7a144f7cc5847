package ordersync

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that the tests print")

// Every combination of what can stand here and what can come: printed into a file to be read by eye.

// stand is a record in a state, with a name where the state alone does not say it.
type stand struct {
	name string
	Record
}

func stands() []stand {
	told, retried := standing(Upd, mine), standing(Upd, mine, theirsOnly)
	told.Agreed = mine.Version
	return []stand{
		{"-", standing(None, Head{})},
		{"-, of a known order", standing(None, mine)},
		{"-, of a deleted order", standing(None, deletedA)},
		{"NEW", standing(New, head("a:2"))},
		{"UPD", standing(Upd, mine)},
		{"UPD, to tell that a refusal or conflict is over", told},
		{"UPD, retried", retried},
		{"OK", standing(OK, mine)},
		{"DEL", standing(Del, deletedA)},
		{"DEL_SYNCED", standing(DelSynced, deletedA)},
		{"COLLISION", standing(Collision, mine, theirsOnly)},
		{"COLLISION, deleted here", standing(Collision, deletedA, theirsOnly)},
		{"ERROR, a newer version is refused", standing(Error, mine, both)},
		{"ERROR, something unexpected came", standing(Error, mine, theirsOnly)},
		{"ERROR_SYNCED, a newer version is refused", standing(ErrorSynced, mine, both)},
		{"ERROR_SYNCED, the peer refuses ours", standing(ErrorSynced, mine)},
	}
}

// class is all that may matter of the version that came.
func (s stand) class(v Vector) string {
	c := [...]string{"equal", "newer", "older", "concurrent"}[v.Compare(s.Version)]
	if c == "concurrent" && !v.hasCommonHistory(s.Version) {
		c += ", nothing in common"
	}
	if v.IsZero() && c == "older" {
		c = "of nothing"
	}
	switch {
	case s.Theirs != nil && v.Compare(s.Theirs.Version) == Equal:
		c += ", the one that is kept"
	case v.Compare(s.known()) == Older:
		c += ", late news"
	case s.Theirs != nil && v.Compare(s.Theirs.Version) == Concurrent:
		c += ", without the one that is kept"
	}
	return c
}

// versions are all the tiny ones.
func versions() (all []Vector) {
	for a := range int64(4) {
		for b := range int64(4) {
			var v Vector
			if a > 0 {
				v = v.With(Dot{"a", a})
			}
			if b > 0 {
				v = v.With(Dot{"b", b})
			}
			all = append(all, v)
		}
	}
	return all
}

// variant is how an entry comes: the content as here, another one, or deleted; in a request, in an
// answer to our version or to an older one; accepted here or not.
type variant struct{ content, by, accepted byte }

var contents, ways, acceptances = "sdx", "qao", "+-"

// came makes the entry; it reports false for what cannot be.
func (s stand) came(received string, v Vector, by variant) (Entry, bool) {
	name, refuses := strings.CutSuffix(received, "!")
	state, _ := ParseState(name)
	e := Entry{State: state, Head: Head{Version: v, Fingerprint: "another", Deleted: by.content == 'x'}}
	switch {
	case by.content == 's':
		e.Fingerprint, e.Deleted = s.Fingerprint, s.Deleted
	case by.content == 'x':
		e.Fingerprint = Tombstone
	}
	switch by.by {
	case 'a':
		e.AnswerTo = &s.Version
	case 'o':
		older := vector("c:1")
		e.AnswerTo = &older
	}
	if by.accepted == '-' {
		e.Refusal = "refused"
	}
	if refuses {
		e.Refused = s.Version
	}
	deletes := state == Del || state == DelSynced
	keeps := state == New || state == Upd || state == OK
	impossible := deletes && !e.Deleted || keeps && e.Deleted || by.content == 'x' && s.Deleted || // which is 's'
		by.content == 's' && !s.Known() || e.Deleted && by.accepted == '-' || refuses && !s.Known()
	return e, !impossible
}

var receivable = []string{"NEW", "UPD", "OK", "DEL", "DEL_SYNCED", "COLLISION", "ERROR", "ERROR!", "ERROR_SYNCED", "SYNC", "-"}

// ruleNames are the extensions in the order of their numbers.
var ruleNames = strings.Fields("take-over same join forgot restored refused behind conflict-end error-up keep-newest unanswered unexpected merge apart")

func outcomeText(r Record, o Outcome) string {
	b := []string{stateText(o.State)}
	add := func(on bool, text string) {
		if on {
			b = append(b, text)
		}
	}
	add(o.Take, "take")
	add(!o.Take && o.Version.Compare(r.Version) != Equal, "join")
	add(o.Keep, "keep")
	add(o.Theirs == nil && r.Theirs != nil, "drop")
	add(o.Sync, "sync")
	add(o.Due && !r.Due, "due")
	add(!o.Due && r.Due, "told")
	add(o.Hint, "hint")
	switch _, isRow := o.Rule.Row(); {
	case isRow:
		b = append(b, "("+o.Rule.String()+")")
	case o.Rule != NoRule:
		b = append(b, "("+ruleNames[o.Rule-ExtTakeOver]+")")
	}
	return strings.Join(b, " ")
}

// outcomes tells what becomes of each variant of a received state and version.
func (s stand) outcomes(t *testing.T, received string, v Vector) map[variant]string {
	out := map[variant]string{}
	for _, c := range []byte(contents) {
		for _, w := range []byte(ways) {
			for _, a := range []byte(acceptances) {
				by := variant{c, w, a}
				if e, ok := s.came(received, v, by); ok {
					o := Observe(s.Record, e)
					checkOutcome(t, s.Record, e, o)
					out[by] = outcomeText(s.Record, o)
				}
			}
		}
	}
	return out
}

// checkOutcome: what comes out is what a row says, what an extension of a name says, or an error.
func checkOutcome(t *testing.T, r Record, e Entry, o Outcome) {
	t.Helper()
	if row, ok := o.Rule.Row(); ok {
		require.Equal(t, row.Becomes, o.State, "%+v %+v", r, e)
		received := row.Received == e.State || row.Received == Upd && e.State == New || row.Received == Error && e.State == ErrorSynced
		require.True(t, received, "%v is no row for %v", o.Rule, e.State)
	} else {
		switch o.Rule {
		case NoRule:
			require.Equal(t, r.Towards().State, o.State, "%+v %+v", r, e)
			require.Equal(t, r.Head, o.Head)
		case ExtRefused, ExtUnanswered, ExtUnexpected:
			require.Equal(t, Error, o.State)
			require.NotEmpty(t, o.Reason)
		default:
			require.Contains(t, Extensions, o.Rule)
		}
	}
	require.NotContains(t, []State{Sync, Any}, o.State)
	require.Empty(t, malformed(holding{Record: o.Record, content: contentOf(o.Head), kept: keptOf(o)}, limits{}), "%+v %+v", r, e)
	require.Equal(t, o.Hint, o.Hint && o.Due)
	require.False(t, o.Due && !r.Due && !o.Hint, "due without a hint: %+v %+v", r, e)
}

func keptOf(o Outcome) string {
	if o.Theirs == nil {
		return ""
	}
	return contentOf(*o.Theirs)
}

func TestEveryCombination(t *testing.T) {
	var b strings.Builder
	b.WriteString(combinationsHelp)
	n := 0
	for _, s := range stands() {
		fmt.Fprintf(&b, "\n== %s\n", s.name)
		classes := map[string]map[string]map[variant]string{} // class, received
		var order []string
		for _, v := range versions() {
			class := s.class(v)
			if classes[class] == nil {
				classes[class] = map[string]map[variant]string{}
				order = append(order, class)
			}
			for _, received := range receivable {
				got := s.outcomes(t, received, v)
				n += len(got)
				if before := classes[class][received]; before != nil {
					require.Equal(t, before, got, "%s at %s: versions that are %s come to different ends", received, s.name, class)
				}
				classes[class][received] = got
			}
		}
		slices.Sort(order)
		b.WriteString(together(order, func(class string) string { return groups(classes[class]) }))
	}
	t.Logf("%d combinations", n)
	golden(t, "testdata/combinations.txt", b.String())
}
