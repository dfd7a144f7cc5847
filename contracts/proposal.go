package contracts

import "time"

// Proposal is what one person chose for a collision, while it waits for another one to approve it. Exactly
// one of take and order is there, as in Resolution; what merging makes of a case is an order. What
// cannot be read any more has neither, and is void.
type Proposal struct {
	ID    string    `json:"id"`
	By    string    `json:"by"` // as AuditEvent has it
	At    time.Time `json:"at"`
	Take  string    `json:"take,omitzero"`
	Order *Order    `json:"order,omitzero"`
	Void  bool      `json:"void,omitzero"` // the case has moved since, or it cannot be read: it cannot be approved any more
}

// ProposalDecision is the body of POST /admin/api/collisions/{id}/approve and of .../reject.
type ProposalDecision struct {
	Proposal string `json:"proposal"` // the id of the one that was seen
}
