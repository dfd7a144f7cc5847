package ordersync

// The steps that observations and actions are made of, and what the peer is owed after them.

// settle: both hold h.
func (o *Outcome) settle(h Head) {
	state := OK
	if h.Deleted {
		state = DelSynced
	}
	o.Record = Record{Head: h, Link: Link{State: state, Agreed: h.Version}}
}

// open: the peer must be told of the present version.
func (o *Outcome) open(deleted bool) {
	state := Upd
	if deleted {
		state = Del
	}
	o.Link = Link{State: state, Due: true, Agreed: o.Agreed}
}

// retell: both hold h, but the peer must be told that the conflict about it is over. That the version
// is agreed and the link still open is how one knows it later.
func (o *Outcome) retell(h Head) {
	o.settle(h)
	o.open(h.Deleted)
	o.Hint = true
}

// apply follows a row of the table that leaves the order and what is kept alone.
func (o *Outcome) apply(received, was State) {
	row, rule, _ := rowRule(received, was)
	o.State, o.Sync, o.Rule = row.Becomes, row.Sync, rule
}

// collide keeps the other side's version beside ours; a newer one replaces an older one.
func (o *Outcome) collide(e Entry, rule Rule) {
	o.State, o.Rule, o.Sync, o.Reason = Collision, rule, true, e.Refusal
	o.keep(e)
}

// fail keeps what cannot be taken over, with the reason.
func (o *Outcome) fail(e Entry, reason string, rule Rule) {
	o.State, o.Rule, o.Sync, o.Reason = Error, rule, true, reason
	o.keep(e)
}

// keep: who shows nothing has nothing to keep.
func (o *Outcome) keep(e Entry) {
	if !e.Version.IsZero() {
		theirs := e.Head
		o.Theirs, o.Keep = &theirs, true
	}
}

// owe settles whether the peer must still be told of our present version, and whether that takes a
// new hint. After a request the answer tells it what came out; but the request may be a late repeat
// that nobody waits for any more, so what is owed stays owed until an answer shows that it was heard.
func (o *Outcome) owe(r Record, e Entry) {
	answered := e.answers(r.Version)
	switch o.State {
	case None, OK, DelSynced:
		o.Due = false
	case New, Upd, Del:
		if answered && !o.Hint {
			// The peer has looked at our present version and its answer neither takes nor contests
			// it. Asking again would go on for ever.
			o.fail(e, "the peer answered "+e.State.String()+" for another version", ExtUnanswered)
			o.Due, o.Hint = true, true
			return
		}
		o.Due = true
	case Collision, Error, ErrorSynced, Sync:
		switch {
		case answered:
			// A repeated answer calls for no further one.
			o.Due = o.Sync && o.State != r.State
			o.Hint = o.Due
		case o.Rule == ExtRefused && e.AnswerTo == nil:
			o.Due = false // the peer has all of ours and asks until it has our answer
		case o.Sync && o.State != r.State && !r.Due:
			o.Due, o.Hint = true, true
		}
	}
}

// answers tells that the entry is the answer to a request with that version.
func (e Entry) answers(v Vector) bool { return e.AnswerTo != nil && e.AnswerTo.Compare(v) == Equal }
