package ordersync

// Observe is the protocol: it takes what this side holds of an order towards a peer and an entry of
// that peer, from a request or from an answer, and returns what this side holds then. Versions are
// compared first; the table decides what they cannot.
func Observe(r Record, e Entry) Outcome {
	o := Outcome{Record: r}
	o.decide(r, e)
	o.owe(r, e)
	return o
}

func (o *Outcome) decide(r Record, e Entry) {
	if e.State == Sync || e.State == None {
		o.fail(e, "received a reserved state", ExtUnexpected)
		return
	}
	// Late news: the other side is known to be past this version. A refusal names a version of ours
	// and counts whatever the peer holds itself, but not where it is known to hold ours.
	late := e.Version.Compare(r.known()) == Older
	switch {
	case e.refuses(r) && !(late && r.State.Settled()):
		o.refusedByPeer(r, e, late)
		return
	case late:
		o.late(r)
		return
	}
	switch e.Version.Compare(r.Version) {
	case Equal:
		o.equal(r, e)
	case Newer:
		o.newer(r, e)
	case Older:
		o.older(r, e)
	case Concurrent:
		o.concurrent(r, e)
	}
}

// refuses tells that the peer does not accept our present version. A refusal counts for the version
// that it names, whatever the peer holds itself; an error that names none means what it shows.
func (e Entry) refuses(r Record) bool {
	refused := e.Refused
	if refused.IsZero() {
		refused = e.Version
	}
	return e.State == Error && r.Known() && refused.Compare(r.Version) == Equal
}

// refusedByPeer: what the peer has instead is kept where neither contains the other, so that a person
// can settle it here.
func (o *Outcome) refusedByPeer(r Record, e Entry, late bool) {
	o.apply(Error, r.State)
	o.Reason = e.Why
	if !late && e.Version.Compare(r.Version) == Concurrent {
		o.keep(e)
	}
}

// known is the newest version that the other side is known to have had.
func (r Record) known() Vector {
	switch {
	case r.Theirs != nil:
		return r.Theirs.Version
	case r.State.Settled():
		return r.Version
	default:
		return Vector{}
	}
}

// late: news that is older than what is known of the other side changes nothing. After a retry it
// leads back into the conflict, since what is kept is as concurrent as it was.
func (o *Outcome) late(r Record) {
	if r.State.pending() {
		o.State, o.Rule, o.Sync = Collision, ExtForgot, true
	}
}

// equal: both hold the same version, so an open change or conflict is over. The same version with
// another content can only be if a side was put back and its numbers were given out again.
func (o *Outcome) equal(r Record, e Entry) {
	if !r.Known() {
		return
	}
	if !r.same(e.Head) {
		o.collide(e, ExtRestored)
		return
	}
	was, answered := r.State, e.answers(r.Version)
	switch {
	case was.pending() && r.Agreed.Compare(r.Version) == Equal && !e.State.Settled() && !answered:
		return // the peer has it, but was told of a conflict; this does not show that it knows better
	case e.State.InConflict() && !was.Settled() && !answered:
		// The peer has it, and does not know yet that this ends the conflict.
		o.Agreed = r.Version
		o.open(r.Deleted)
		o.Rule, o.Hint = ExtSame, true
		return
	}
	o.settle(r.Head)
	if row, rule, ok := rowRule(e.State, was); ok && row.Becomes == o.State {
		o.Rule, o.Sync = rule, row.Sync
	} else if was != o.State {
		o.Rule = ExtSame
	}
}

// newer: the peer has all of ours, and more. A change of ours that was open has arrived, a conflict
// was resolved over there; what is left is a changed, deleted or new order that came.
func (o *Outcome) newer(r Record, e Entry) {
	refused := r.Theirs != nil && r.Theirs.Version.Compare(e.Version) == Equal
	switch {
	case e.Refusal != "" && refused && e.State == ErrorSynced:
		if r.State == Error {
			o.apply(e.State, r.State) // the peer only tells that it knows of our refusal; or it is a repeat
		}
		return
	case e.Refusal != "":
		o.fail(e, e.Refusal, ExtRefused)
		return
	}
	was, received := r.State, e.State
	switch was { // what was open is acknowledged by the peer's having it
	case New, Upd:
		was = OK
	case Del:
		was = DelSynced
	}
	if received == New && r.Known() {
		received = Upd // new only in the sender's eyes
	}
	o.settle(e.Head)
	o.Take, o.Sync, o.Rule = true, true, ExtTakeOver
	if row, rule, ok := rowRule(received, was); ok && row.Becomes == o.State {
		o.Rule = rule
	}
	if refused {
		// The peer knows that it was refused and may not ask any more, so it is told.
		o.open(e.Deleted)
		o.Hint = true
	}
}

// older: the peer lacks something of ours and has nothing that we lack; there is nothing to take.
// An acknowledgement of an older version says nothing about the present one.
func (o *Outcome) older(r Record, e Entry) {
	switch {
	case e.State == ErrorSynced && r.State == Error:
		o.apply(e.State, r.State)
	case e.State == Error, e.State == ErrorSynced && r.State == ErrorSynced:
		// A refusal of a version that we have left behind, or a repeat.
	case e.State == ErrorSynced && r.State.pending() && e.answers(r.Version):
		o.apply(Error, r.State) // a retry of ours changed nothing over there
	case r.State.InConflict():
		o.open(r.Deleted)
		o.Rule, o.Hint = ExtConflictEnd, true
	case r.State == New && !e.Version.IsZero():
		o.State, o.Rule = Upd, ExtBehind
	}
}

// concurrent: each has something that the other lacks.
func (o *Outcome) concurrent(r Record, e Entry) {
	if r.same(e.Head) && !r.Deleted {
		o.join(r, e)
		return
	}
	was, received := r.State, e.State
	if r.Version.hasCommonHistory(e.Version) { // so neither is really new to the other
		was, received = knownAs(was), knownAs(received)
	}
	row, rule, ok := rowRule(received, was)
	switch {
	case ok && row.Becomes == Collision:
		o.collide(e, rule)
		o.Sync = row.Sync
	case received == ErrorSynced && was == Error:
		o.keep(e)
		o.apply(received, was)
	case was.Settled():
		o.collide(e, ExtForgot)
	case (received == Error || received == ErrorSynced) && was.InConflict():
		o.keep(e)
		o.Rule, o.Sync = ExtKeepNewest, was == Collision // a collision can be settled on either side, so it prevails
	case received == Error || received == ErrorSynced:
		// The peer is in error about a version that we have left behind, so the error is over; but it
		// has something of its own.
		o.collide(e, ExtErrorUp)
	case received.Settled():
		o.collide(e, ExtForgot)
	case was == Error || was == ErrorSynced:
		o.collide(e, ExtErrorUp)
	default:
		o.fail(e, received.String()+" came while "+was.String(), ExtUnexpected)
	}
}

// knownAs turns a creation into a change: the order is not new to a side that has seen it.
func knownAs(s State) State {
	if s == New {
		return Upd
	}
	return s
}

// join: both wrote the same content without knowing of each other. The joined version is the one new
// thing, and a change to be told: the request may be a late repeat, whose answer nobody waits for.
func (o *Outcome) join(r Record, e Entry) {
	o.Head = Head{Version: r.Version.Join(e.Version), Fingerprint: r.Fingerprint}
	o.Link = Link{State: Upd, Due: true, Agreed: e.Version}
	o.Rule, o.Sync, o.Hint = ExtJoin, true, true
}

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

func (o *Outcome) keep(e Entry) {
	theirs := e.Head
	o.Theirs, o.Keep = &theirs, true
}

// owe settles whether the peer must still be told of our present version, and whether that takes a
// new hint. After a request the answer tells it what came out; until it has the answer it asks again.
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
			o.Due = false // the peer has all of ours, and its answer is waited for
		case o.Sync && o.State != r.State && !r.Due:
			o.Due, o.Hint = true, true
		}
	}
}

// answers tells that the entry is the answer to a request with that version.
func (e Entry) answers(v Vector) bool { return e.AnswerTo != nil && e.AnswerTo.Compare(v) == Equal }
