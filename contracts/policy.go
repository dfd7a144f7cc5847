package contracts

import "time"

// ConflictPolicy is the answer of GET /admin/api/conflict-policy: what is settled without a person, as
// one side sees it.
type ConflictPolicy struct {
	Policy string      `json:"policy"` // a name of ConflictPolicies
	Rules  string      `json:"rules"`  // as they are set; the same text means the same on both sides
	Fields []FieldRule `json:"fields"` // the rules, one by one; the first that covers a field counts
}

// FieldRule is how a contested field is settled.
type FieldRule struct {
	Pattern string `json:"pattern"`       // JSON pointer with * for any name; it covers what is below it, too
	Policy  string `json:"policy"`        // a name of FieldPolicies
	Side    string `json:"side,omitzero"` // that owns the field
}

// ConflictPolicies are the ways to settle what both sides changed: by a person, or by a person only
// where both changed the same field.
var ConflictPolicies = []string{"manual", "merge"}

// PolicyTrial is the body of POST /admin/api/conflict-policy/preview.
type PolicyTrial struct {
	Policy string `json:"policy"`
	Rules  string `json:"rules,omitzero"`
}

// PolicyPreview is what a policy would make of collisions, open ones first and then those that ended
// last.
type PolicyPreview struct {
	Policy  ConflictPolicy  `json:"policy"`
	Looked  int             `json:"looked"`  // how many collisions were looked at
	Settled int             `json:"settled"` // of those, how many would need no person
	Differ  int             `json:"differ"`  // of those, how many ended in another way
	Cases   []PreviewedCase `json:"cases"`
}

// PreviewedCase is what a policy would make of one collision.
type PreviewedCase struct {
	ID        string    `json:"id"`
	Peer      string    `json:"peer"`
	At        time.Time `json:"at"` // when it ended; when it began while it is open
	Open      bool      `json:"open"`
	Contested []string  `json:"contested"` // pointers as in DifferField
	Settles   bool      `json:"settles"`
	Differs   bool      `json:"differs"` // it ended in another way than the policy would have settled it
}
