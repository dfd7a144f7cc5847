package ordersync

// Row is one rule of the state table: an entry that came in state Received, while this side was in
// state Was, makes it Become; Sync tells that the new state is to be synced to the other side.
type Row struct {
	Received, Was, Becomes State
	Sync                   bool
	Remark                 string
}

// Any stands for every state in a row's Was.
const Any State = 255

// Table is the normative state table, a row a rule. What is in no row is an error, but for the
// Extensions, which versions decide and not states.
var Table = []Row{
	{New, New, Collision, true, "uuid collision"},
	{New, OK, OK, true, "repeat"},
	{New, Collision, Collision, true, "repeat"},
	{New, None, OK, true, "a new order came"},
	{Upd, Upd, Collision, true, "up/up"},
	{Upd, OK, OK, true, "a changed order came"},
	{Upd, Del, Collision, true, "up/del"},
	{Upd, Collision, Collision, true, "repeat"},
	{OK, New, OK, false, "creation is synced"},
	{OK, Upd, OK, false, "update is synced"},
	{Del, Upd, Collision, true, "del/up"},
	{Del, OK, DelSynced, true, "a deleted order came"},
	{Del, Del, Collision, true, "del/del"},
	{Del, DelSynced, DelSynced, true, "repeat"},
	{Del, Collision, Collision, true, "repeat"},
	{DelSynced, Del, DelSynced, false, "deletion is synced"},
	{Collision, New, Collision, false, "collision is synced"},
	{Collision, Upd, Collision, false, "collision is synced"},
	{Collision, Del, Collision, false, "collision is synced"},
	{Collision, Collision, Collision, false, "repeat"},
	{Error, Any, ErrorSynced, true, "an error came"},
	{ErrorSynced, Error, ErrorSynced, false, "the error is synced"},
}

// Lookup finds the row for a pair; it reports false when there is none, which is an error.
func Lookup(received, was State) (Row, bool) {
	for _, r := range Table {
		if r.Received == received && (r.Was == was || r.Was == Any) {
			return r, true
		}
	}
	return Row{}, false
}

// Rule names what decided an observation: a row of the table, or one of the Extensions.
// The numbers are part of the stored data.
type Rule uint8

// NoRule: nothing was decided, since nothing new was learned. RuleRow+i is row i of the table.
const (
	NoRule  Rule = 0
	RuleRow Rule = 1
)

// The extensions: what versions decide where the table has no row.
const (
	ExtTakeOver    Rule = 101 + iota // the entry has all of ours and more: taken over, whatever the states
	ExtSame                          // same version: both have the same, whatever the states
	ExtJoin                          // concurrent versions with the same content: joined, nothing to decide
	ExtForgot                        // concurrent with an order that one side calls settled, or still so after a retry: a side forgot what it had; kept as a collision
	ExtRestored                      // same version with different content: a side was restored from a backup; kept as a collision
	ExtRefused                       // newer content that this side refuses: an error, the refused version is kept
	ExtBehind                        // the entry is older than ours: what we have is still to be told
	ExtConflictEnd                   // the peer left the conflict for a version that ours contains: over
	ExtErrorUp                       // concurrent change of an order in error: a collision, so that either side can settle it
	ExtKeepNewest                    // a conflict's other side moved on: the newer version is kept
	ExtUnanswered                    // the peer answered without taking, refusing or contesting what it was asked: an error
	ExtUnexpected                    // a state that is in no row of the table: an error
	ExtMerge                         // concurrent versions that the policy settles: merged, a write of this side
	ExtApart                         // concurrent changes in states that no row has together, as NEW and DEL: kept as a collision
)

// Extensions explains each extension.
var Extensions = map[Rule]Row{
	ExtTakeOver:    {Remark: "the peer has seen ours and has more: taken over"},
	ExtSame:        {Remark: "both have the same version"},
	ExtJoin:        {Remark: "both wrote the same content: nothing to decide, versions joined"},
	ExtForgot:      {Remark: "a side forgot what it had acknowledged: both versions are kept"},
	ExtRestored:    {Remark: "same version, different content: a side was restored from a backup; both versions are kept"},
	ExtRefused:     {Remark: "this side refuses the content; the refused version is kept"},
	ExtBehind:      {Remark: "the peer has an older version of the order by now"},
	ExtConflictEnd: {Remark: "the peer left the conflict for a version that ours contains"},
	ExtErrorUp:     {Remark: "changed on both sides while in error: both versions are kept"},
	ExtKeepNewest:  {Remark: "the peer went on working on its version of the conflict"},
	ExtUnanswered:  {Remark: "the peer's answer settles nothing"},
	ExtUnexpected:  {Remark: "in no row of the table"},
	ExtMerge:       {Remark: "changed on both sides, and nobody contests it: merged"},
	ExtApart:       {Remark: "created on one side and changed or deleted on the other: both versions are kept"},
}

// rowRule is the Rule of a pair that is in the table.
func rowRule(received, was State) (Row, Rule, bool) {
	for i, r := range Table {
		if r.Received == received && (r.Was == was || r.Was == Any) {
			return r, RuleRow + Rule(i), true
		}
	}
	return Row{}, NoRule, false
}

// Row gives the table's row of a rule; it reports false for an extension and for NoRule.
func (r Rule) Row() (Row, bool) {
	if r >= RuleRow && int(r-RuleRow) < len(Table) {
		return Table[r-RuleRow], true
	}
	return Row{}, false
}

// Remark explains the rule to a person.
func (r Rule) Remark() string {
	if row, ok := r.Row(); ok {
		return row.Remark
	}
	return Extensions[r].Remark
}

// String names the rule: received/was for a row, "versions" for an extension.
func (r Rule) String() string {
	if row, ok := r.Row(); ok {
		was := "any"
		switch row.Was {
		case Any:
		case None:
			was = "-"
		default:
			was = row.Was.String()
		}
		return row.Received.String() + "/" + was
	}
	if r == NoRule {
		return ""
	}
	return "versions"
}
