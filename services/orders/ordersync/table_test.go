package ordersync

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// normativeTable is the table of the design, to the letter: received, state before (- for none),
// state after, whether the new state is to be synced, and * for a repeat.
const normativeTable = `
NEW          NEW          COLLISION    +
NEW          OK           OK           +  *
NEW          COLLISION    COLLISION    +  *
NEW          -            OK           +
UPD          UPD          COLLISION    +
UPD          OK           OK           +
UPD          DEL          COLLISION    +
UPD          COLLISION    COLLISION    +  *
OK           NEW          OK           -
OK           UPD          OK           -
DEL          UPD          COLLISION    +
DEL          OK           DEL_SYNCED   +
DEL          DEL          COLLISION    +
DEL          DEL_SYNCED   DEL_SYNCED   +  *
DEL          COLLISION    COLLISION    +  *
DEL_SYNCED   DEL          DEL_SYNCED   -
COLLISION    NEW          COLLISION    -
COLLISION    UPD          COLLISION    -
COLLISION    DEL          COLLISION    -
COLLISION    COLLISION    COLLISION    -  *
ERROR        any          ERROR_SYNCED +
ERROR_SYNCED ERROR        ERROR_SYNCED -
`

func TestTableIsTheNormativeOne(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(normativeTable), "\n")
	require.Len(t, Table, len(lines))
	for i, line := range lines {
		want := strings.Fields(line)
		got := []string{Table[i].Received.String(), stateText(Table[i].Was), Table[i].Becomes.String(), "-"}
		if Table[i].Sync {
			got[3] = "+"
		}
		if Table[i].Remark == "repeat" {
			got = append(got, "*")
		}
		require.Equal(t, want, got)
	}
}

func TestStates(t *testing.T) {
	codes := []string{"", "NEW", "UPD", "OK", "DEL", "DEL_SYNCED", "COLLISION", "ERROR", "ERROR_SYNCED", "SYNC"}
	for code, name := range codes {
		require.Equal(t, name, State(code).String())
		require.NotEmpty(t, State(code).Meaning())
		got, ok := ParseState(name)
		require.Equal(t, name != "", ok)
		require.Equal(t, State(code), got)
	}
	require.Len(t, States, 9)
	for _, other := range []string{"new", "New", "OK ", "ST_NEW", "ANY"} {
		_, ok := ParseState(other)
		require.False(t, ok, other)
	}
	require.Panics(t, func() { _ = State(10).String() })
}

// Versions of the rows: what this side has, and what the peer has. Both know a.1 and b.1 of the order
// unless one of them created it.
var (
	mine       = head("a:2,b:1")
	minesParts = head("a:1,b:1")
	both       = head("a:2,b:2")
	theirsOnly = head("a:1,b:2")
	createdA   = head("a:1")
	createdB   = head("b:1")
	deletedA   = deleted("a:2,b:1")
	deletedB   = deleted("a:1,b:2")
)

func head(v string) Head    { return Head{Version: vector(v), Fingerprint: "content of " + v} }
func deleted(v string) Head { return Head{Version: vector(v), Fingerprint: Tombstone, Deleted: true} }

func vector(s string) Vector {
	v, err := ParseVector(s)
	if err != nil {
		panic(err)
	}
	return v
}

// standing is a record as it can really stand in a state.
func standing(s State, h Head, theirs ...Head) Record {
	r := Record{Head: h, Link: Link{State: s}}
	switch {
	case s.Settled():
		r.Agreed = h.Version
	case s != None:
		r.Due = true
		if s != New {
			r.Agreed = vector("a:1,b:1")
		}
	}
	if len(theirs) > 0 {
		r.Theirs = &theirs[0]
	}
	return r
}

func says(s State, h Head) Entry { return Entry{State: s, Head: h} }

func (e Entry) refusing(h Head) Entry { e.Refused, e.Why = h.Version, "why"; return e }

func (e Entry) answering(r Record) Entry { e.AnswerTo = &r.Version; return e }

// rowCases holds for each row of the table, in its order, what stood here and what came. Where the row
// says any, there is one for each state.
var rowCases = [][]struct {
	was  Record
	came Entry
}{
	{{standing(New, createdA), says(New, createdB)}},
	{{standing(OK, createdB), says(New, createdB)}},
	{{standing(Collision, createdA, createdB), says(New, createdB)}},
	{{standing(None, Head{}), says(New, createdB)}},
	{{standing(Upd, mine), says(Upd, theirsOnly)}},
	{{standing(OK, minesParts), says(Upd, theirsOnly)}},
	{{standing(Del, deletedA), says(Upd, theirsOnly)}},
	{{standing(Collision, mine, theirsOnly), says(Upd, theirsOnly)}},
	{{standing(New, createdA), says(OK, createdA)}},
	{{standing(Upd, mine), says(OK, mine)}},
	{{standing(Upd, mine), says(Del, deletedB)}},
	{{standing(OK, minesParts), says(Del, deletedB)}},
	{{standing(Del, deletedA), says(Del, deletedB)}},
	{{standing(DelSynced, deletedB), says(Del, deletedB)}},
	{{standing(Collision, mine, deletedB), says(Del, deletedB)}},
	{{standing(Del, deletedA), says(DelSynced, deletedA)}},
	{{standing(New, createdA), says(Collision, createdB)}},
	{{standing(Upd, mine), says(Collision, theirsOnly)}},
	{{standing(Del, deletedA), says(Collision, theirsOnly)}},
	{{standing(Collision, mine, theirsOnly), says(Collision, theirsOnly)}},
	{
		{standing(New, createdA), says(Error, Head{}).refusing(createdA)},
		{standing(Upd, mine), says(Error, minesParts).refusing(mine)},
		{standing(OK, mine), says(Error, theirsOnly).refusing(mine)},
		{standing(Del, deletedA), says(Error, minesParts).refusing(deletedA)},
		{standing(DelSynced, deletedA), says(Error, theirsOnly).refusing(deletedA)},
		{standing(Collision, mine, theirsOnly), says(Error, theirsOnly).refusing(mine)},
		{standing(Error, mine, theirsOnly), says(Error, theirsOnly).refusing(mine)},
		{standing(ErrorSynced, mine), says(Error, minesParts).refusing(mine)},
	},
	{{standing(Error, minesParts, theirsOnly), Entry{State: ErrorSynced, Head: theirsOnly, Refusal: "why"}}},
}

func TestEveryRow(t *testing.T) {
	require.Len(t, rowCases, len(Table))
	for i, row := range Table {
		if row.Was == Any {
			require.Len(t, rowCases[i], 8)
		}
		for _, c := range rowCases[i] {
			for _, answer := range []bool{false, true} {
				came := c.came
				if answer {
					came = came.answering(c.was)
				}
				t.Run(row.Received.String()+" at "+stateText(c.was.State), func(t *testing.T) { checkRow(t, row, c.was, came) })
			}
		}
	}
}

func checkRow(t *testing.T, row Row, was Record, came Entry) {
	t.Helper()
	o := Observe(was, came)
	require.Equal(t, row.Becomes, o.State)
	got, ok := o.Rule.Row()
	require.True(t, ok, "decided by %v %q", o.Rule, o.Rule.Remark())
	require.Equal(t, row, got)
	require.Equal(t, row.Sync, o.Sync, "to be synced")
	require.Equal(t, row.Received == OK || row.Received == DelSynced, o.Routine())
	if row.Remark == "repeat" {
		require.Equal(t, was.Head, o.Head)
		require.Equal(t, was.Theirs, o.Theirs)
	}

	// The same again changes nothing any more.
	again := Observe(o.Record, came)
	require.Equal(t, o.Head, again.Head)
	require.Equal(t, o.State, again.State)
	require.Equal(t, o.Theirs, again.Theirs)
}

func TestLookup(t *testing.T) {
	for _, received := range append(States, None) {
		for was := None; was <= Sync; was++ {
			row, ok := Lookup(received, was)
			_, rule, known := rowRule(received, was)
			require.Equal(t, ok, known)
			if !ok {
				require.Equal(t, Row{}, row)
				continue
			}
			require.Equal(t, received, row.Received)
			require.Contains(t, []State{was, Any}, row.Was)
			got, ok := rule.Row()
			require.True(t, ok)
			require.Equal(t, row, got)
		}
	}
}

func TestRuleNames(t *testing.T) {
	require.Equal(t, "NEW/NEW", RuleRow.String())
	require.Equal(t, "NEW/-", Rule(4).String())
	require.Equal(t, "ERROR/any", Rule(21).String())
	require.Empty(t, NoRule.String())
	require.Empty(t, NoRule.Remark())
	require.Equal(t, "uuid collision", RuleRow.Remark())
	for rule := ExtTakeOver; rule <= ExtApart; rule++ {
		_, isRow := rule.Row()
		require.False(t, isRow)
		require.Equal(t, "versions", rule.String())
		require.NotEmpty(t, rule.Remark())
	}
	require.Len(t, Extensions, int(ExtApart-ExtTakeOver)+1)
}
