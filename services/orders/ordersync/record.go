package ordersync

// Head is one version of an order, without its content.
type Head struct {
	Version     Vector
	Fingerprint string // of the content; Tombstone when deleted
	Deleted     bool
}

// same tells that the content is the same, whatever the versions.
func (h Head) same(o Head) bool {
	return h.Deleted == o.Deleted && h.Fingerprint == o.Fingerprint
}

// Link is how an order stands towards one peer.
type Link struct {
	State State
	// Due tells that the peer must still be told of the present version: there has to be a hint.
	Due bool
	// Agreed is the version that both sides last had. While the link is
	// settled it is the order's version. An open link with the order's version agreed is one that the
	// peer must be told of although it has it: that a conflict or a refusal is over.
	Agreed Vector
	// Theirs is the other side's version while in conflict, and when an error is tried again; who
	// stores the link keeps its content.
	Theirs *Head
	// Reason says in words why the link is in conflict, where that is not plain from the versions.
	Reason string
}

// Record is what this side holds of one order towards one peer. The zero value is an order that is
// not known here.
type Record struct {
	Head
	Link
}

// Known tells that this side has the order, deleted or not.
func (r Record) Known() bool { return !r.Version.IsZero() }

// Towards is the record as the peer is told of it, and as what the peer tells is compared with it.
//
// A known order without a link is NEW, or DEL when it is deleted: the peer was added, or its links were forgotten
// because it was no peer for a while. Nothing is agreed, so what both changed meanwhile is found to be concurrent,
// whatever they once had in common.
//
// The version lists the heads of what was agreed, which it contains, so that the peer recognises what it had last
// in ours, and we ours in what it tells, however many elements went from the version since.
func (r Record) Towards() Record { return r.towards(limits{}) }

func (r Record) towards(lim limits) Record {
	switch {
	case !r.Known():
	case r.State == None:
		r.Link = Link{State: New, Due: true}
		if r.Deleted {
			r.State = Del
		}
	case !r.State.Settled():
		r.Version = r.Version.listing(r.Agreed, lim.keep())
	}
	return r
}

// Entry is what was learned of the other side: from its request, or from its answer to ours.
type Entry struct {
	Head
	State State
	// Refused is, with Error, the version that the peer does not accept; Why is its reason.
	Refused Vector
	Why     string
	// AnswerTo is, in an answer, the version of ours that was asked about; nil in a request.
	AnswerTo *Vector
	// Refusal says why this side does not accept the entry's content; empty when it does.
	Refusal string
	// Merge is what this side may write to settle the entry against its own version without a person;
	// nil where that takes one.
	Merge *Merge

	limits limits // of the versions that this side stores
}

// Merge is a content that holds what both versions changed, made by their fields and by the policy
// that both sides have. Its base is the newest version that both contain, their Meet, and no other.
// Between two deletions there is nothing to write, and it is empty.
type Merge struct {
	Fingerprint string
	Stamp       Dot    // for the new version
	Writer      Writer // who writes it
}

// MayMerge tells that an entry may be settled by a Merge: both sides changed an order that both had, each
// without knowing of the other. A case that this side has opened stays one for people, who may be at it. The
// other side's may end: so it does, too, when the other side hears first.
func MayMerge(r Record, e Entry) bool {
	r = r.towards(e.limits)
	return r.State.pending() && r.Theirs == nil && (e.State.pending() || e.State == Collision) &&
		e.Version.Compare(r.Version) == Concurrent && r.Version.hasCommonHistory(e.Version) && r.Deleted == e.Deleted && e.Refusal == ""
}

// Outcome is what follows from an observation or an action: the record to store, and what to do
// besides storing it.
type Outcome struct {
	Record
	Take bool // the order's content becomes the entry's (or the kept one, after Retry, or the merged one, by ExtMerge)
	Keep bool // the entry's content is to be kept beside the link, as the content of Theirs
	Hint bool // a new hint for the peer is due
	Rule Rule // what decided; NoRule when nothing was learned
	// Sync is the table's "to be synced": done by the answer to a request, by Hint after an answer.
	Sync bool
}

// Routine tells that the outcome is an ordinary acknowledgement, which is a time on the link and no
// row in the log.
func (o Outcome) Routine() bool {
	row, ok := o.Rule.Row()
	return ok && (row.Received == OK || row.Received == DelSynced)
}
