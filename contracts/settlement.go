package contracts

// CasesMax is how many collisions one call settles.
const CasesMax = 500

// Takes are the ways to settle a collision without writing the order: one of the two versions, or what
// merging makes of both where nobody has to decide.
var Takes = []string{"ours", "theirs", "merged"}

// CollisionSettlement is the body of POST /admin/api/collisions/settle: what to take for a set of
// collisions, named one by one or found by what they have in common. Without names and without anything
// in common it is about all of them.
type CollisionSettlement struct {
	Take        string       `json:"take"` // a name of Takes
	Peer        string       `json:"peer,omitzero"`
	OrderNumber string       `json:"orderNumber,omitzero"` // how it begins, in capitals or not
	OpenSeconds int64        `json:"openSeconds,omitzero"` // open for as long, or longer
	After       string       `json:"after,omitzero"`       // what the last answer had as next
	Cases       []ChosenCase `json:"cases,omitzero"`
	DryRun      bool         `json:"dryRun,omitzero"` // only tell what would become of them
}

// ChosenCase names a collision, and as what it was seen.
type ChosenCase struct {
	ID      string `json:"id"`
	Peer    string `json:"peer,omitzero"`    // may be left out where there is only one
	Version string `json:"version,omitzero"` // its ETag without quotes: if it is another one by now, the case is left
}

// CollisionSettlementResult is what became of them, or would with DryRun. Open and Matching are not there
// when the cases were named.
type CollisionSettlementResult struct {
	Open     int64         `json:"open,omitzero"`     // collisions there were
	Matching int64         `json:"matching,omitzero"` // of those, how many have it in common
	Settled  int           `json:"settled"`
	Proposed int           `json:"proposed,omitzero"` // in place of being settled, where a second person has to approve
	Left     int           `json:"left"`
	Cases    []SettledCase `json:"cases"`
	Next     string        `json:"next,omitzero"` // there are more: call again with it as after
}

// SettledCase is what became of one collision, or would.
type SettledCase struct {
	ID          string   `json:"id"`
	Peer        string   `json:"peer"`
	OrderNumber string   `json:"orderNumber,omitzero"`
	Version     string   `json:"version,omitzero"`   // as ChosenCase has it
	Settled     bool     `json:"settled"`            // else it is left, or proposed
	Proposed    bool     `json:"proposed,omitzero"`  // a second person has to approve it
	Deleted     bool     `json:"deleted,omitzero"`   // by taking a deletion
	Differs     int      `json:"differs,omitzero"`   // number of fields
	Contested   []string `json:"contested,omitzero"` // why it is left: fields that somebody has to decide, as in DifferField
	Reason      string   `json:"reason,omitzero"`    // why it is left
}
