package ordersync

// Observe is the protocol: it takes what this side holds of an order towards a peer and an entry of
// that peer, from a request or from an answer, and returns what this side holds then. Versions are
// compared first; the table decides what they cannot.
func Observe(r Record, e Entry) Outcome {
	stored := r
	r = r.towards(e.limits)
	o := Outcome{Record: r}
	o.decide(r, e)
	o.owe(r, e)
	if stored.State == None && o.Due {
		o.Hint = true // what a link is missing for has none
	}
	o.trim(stored.Version, e)
	return o
}

// trim makes what is stored of versions small again. Ours is the one that was stored, unless it is another version;
// or the peer's has the same content and heads that ours, as it was stored, does not list.
func (o *Outcome) trim(stored Vector, e Entry) {
	keep := e.limits.keep()
	if o.Version.Compare(stored) == Equal && o.same(e.Head) && e.Version.Compare(stored) == Newer {
		stored = e.Version.trimmed(keep)
	}
	for _, v := range []*Vector{&o.Version, &o.Agreed} {
		if v.Compare(stored) == Equal {
			*v = stored
		}
		*v = v.trimmed(keep)
	}
}

func (o *Outcome) decide(r Record, e Entry) {
	late := e.Version.Compare(r.known()) == Older
	switch {
	case e.State == Sync || e.State == None:
		o.fail(e, "received a reserved state", ExtUnexpected)
		return
	case e.refuses(r) && !(late && r.State.Settled()): // who had our version and refuses it is late
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

// known is the newest version that the other side is known to have had; what is older is late news.
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

// keeps tells that this very version of the other side is kept.
func (r Record) keeps(v Vector) bool { return r.Theirs != nil && r.Theirs.Version.Compare(v) == Equal }

// keepsLost tells that what is kept of the other side is nothing that it has any more. Who settles a
// conflict has a version that contains both; who comes without its own was put back and has lost it,
// and what is kept here may be all that is left: the conflict stays, for people to look at.
func (r Record) keepsLost(e Entry) bool {
	return r.State.InConflict() && r.Theirs != nil && r.Theirs.Version.Compare(e.Version) == Concurrent
}

// late: late news changes nothing. An order that is tried again after an error goes back into the
// conflict: what is kept of the other side stands, and is as concurrent as it was.
func (o *Outcome) late(r Record) {
	if r.State.pending() {
		o.State, o.Rule, o.Sync = Collision, ExtForgot, true
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
	if r.keepsLost(e) {
		o.Rule = ExtForgot
		return
	}
	// A side that was told of a conflict, by us or by a late letter of ours, does not ask any more.
	// It has to hear that this is over, and only its answer or its being settled shows that it did.
	unheard := !e.State.Settled() && !e.answers(r.Version)
	was := r.State
	switch {
	case unheard && was.pending() && r.Agreed.Compare(r.Version) == Equal:
		return // it is being told
	case unheard && e.State.InConflict() && !was.Settled():
		o.retell(r.Head)
		o.Rule = ExtSame
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
	refusedBefore := r.keeps(e.Version)
	if e.Refusal != "" {
		switch {
		case e.State != ErrorSynced || !refusedBefore:
			o.fail(e, e.Refusal, ExtRefused)
		case r.State == Error: // else it is a repeat
			o.apply(ErrorSynced, Error)
		}
		return
	}
	was, received := r.State, e.State
	switch { // what was open is acknowledged by the peer's having it
	case was == Del:
		was = DelSynced
	case was.pending():
		was = OK
	}
	if r.Known() {
		received = knownAs(received)
	}
	lost := r.keepsLost(e)
	o.settle(e.Head)
	o.Take, o.Sync, o.Rule = true, true, ExtTakeOver
	if lost {
		o.State, o.Agreed, o.Theirs, o.Rule = Collision, r.Agreed, r.Theirs, ExtForgot
		return
	}
	if row, rule, ok := rowRule(received, was); ok && row.Becomes == o.State {
		o.Rule = rule
	}
	if refusedBefore {
		o.retell(e.Head) // the peer was told of the refusal and does not ask any more
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
	case r.State == Error && (r.Theirs == nil || r.keeps(e.Version)):
		// A repeat of what settled nothing.
	case e.State == ErrorSynced && r.State.pending() && e.answers(r.Version):
		o.apply(Error, r.State)
		o.Reason = "the peer is still in error about this version"
	case r.keepsLost(e): // and gets ours, as any side that has an older one
		o.Rule, o.Due, o.Hint = ExtForgot, true, !r.Due
	case r.State.InConflict():
		o.open(r.Deleted)
		o.Rule, o.Hint = ExtConflictEnd, true
	case r.State == New && !e.Version.IsZero():
		o.State, o.Rule = Upd, ExtBehind
	}
}

// concurrent: each has something that the other lacks.
func (o *Outcome) concurrent(r Record, e Entry) {
	switch {
	case r.same(e.Head) && !r.Deleted:
		o.join(r, e, ExtJoin)
		return
	case e.Merge != nil && MayMerge(r, e):
		o.merge(r, e)
		return
	case r.keepsLost(e):
		o.State, o.Rule, o.Sync = Collision, ExtForgot, true
		if row, rule, ok := rowRule(e.State, r.State); ok && row.Becomes == Collision {
			o.Rule, o.Sync = rule, row.Sync
		}
		return
	}
	was, received := r.State, e.State
	if r.Version.hasCommonHistory(e.Version) { // so neither is really new to the other
		was, received = knownAs(was), knownAs(received)
	}
	row, rule, ok := rowRule(received, was)
	inError := received == Error || received == ErrorSynced
	switch {
	case r.keeps(e.Version) && received.pending() && (was == Error || was == ErrorSynced):
		// What is in error came again, late or because it was tried again; nothing is different.
	case ok && row.Becomes == Collision:
		o.collide(e, rule)
		o.Sync = row.Sync
	case received == ErrorSynced && was == Error:
		o.apply(received, was)
		o.keep(e)
	case was.Settled(), received.Settled():
		o.collide(e, ExtForgot)
	case inError && was.InConflict():
		// The error is about another version than these two. A collision prevails over an error, since
		// it can be settled on either side.
		o.keep(e)
		o.Rule, o.Sync = ExtKeepNewest, was == Collision
	case inError, was == Error, was == ErrorSynced:
		// The error is about a version that was left behind, but now both have something of their own.
		o.collide(e, ExtErrorUp)
	default:
		// No row has these two states together, as NEW and DEL. Each side wrote something that the other
		// has not seen, so it is a collision as any other, and people see both versions.
		o.collide(e, ExtApart)
	}
}

// knownAs turns a creation into a change: the order is not new to a side that has seen it.
func knownAs(s State) State {
	if s == New {
		return Upd
	}
	return s
}

// join: both wrote the same content, or deleted it, without knowing of each other. The joined version
// is the one new thing, and a change to be told: a request may be a late repeat, whose answer nobody
// waits for.
func (o *Outcome) join(r Record, e Entry, rule Rule) {
	o.Head = Head{Version: r.Version.Join(e.Version), Fingerprint: r.Fingerprint, Deleted: r.Deleted}
	o.Agreed = e.Version
	o.open(r.Deleted)
	o.Rule, o.Sync, o.Hint = rule, true, true
}

// merge: the merged content is a write of this side that contains both versions, and is told like any
// other. The other side may have merged at the same time; then both contents are the same, and are
// joined. Two deletions are joined at once: with a new number each they would be concurrent for ever.
func (o *Outcome) merge(r Record, e Entry) {
	if r.Deleted {
		o.join(r, e, ExtMerge)
		return
	}
	o.Head = Head{Version: e.Merge.Writer.write(r.Version.Join(e.Version), e.Merge.Stamp), Fingerprint: e.Merge.Fingerprint}
	o.open(false)
	o.Rule, o.Take, o.Sync, o.Hint = ExtMerge, true, true, true
}
