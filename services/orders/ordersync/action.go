package ordersync

import "errors"

// What a person asked for and the record does not allow.
var (
	ErrNotInConflict = errors.New("the order is in no conflict with this peer")
	ErrNotInError    = errors.New("the order is in no error towards this peer")
	ErrNothingKept   = errors.New("nothing is kept of the other side's version")
	ErrStillRefused  = errors.New("this side still refuses the content")
)

// Written is the head after a local person wrote a content: a new number of this side on top of all
// that the person had seen.
func Written(before Head, fingerprint string, deleted bool, stamp Dot, w Writer) Head {
	return Head{Version: w.write(before.Version, stamp), Fingerprint: fingerprint, Deleted: deleted}
}

// Rewritten is the link after the order's head changed from before to after by other means than this peer:
// by a local person, or by another peer. A conflict stays one while what is kept of this peer is not part
// of the new version: people may go on working, and the case shows the newest versions. An error stays
// while the refused version, which is kept, has all of the new one and more; it ends where the refused version
// itself was taken over from another peer. Else the peer must be told, so a hint is due.
func (l Link) Rewritten(before, after Head) Link {
	if l.State.inError() && l.Theirs != nil && l.Theirs.Version.Compare(after.Version) == Newer {
		return l
	}
	if l.State.Settled() {
		l.Agreed = before.Version
	}
	l.Due = true
	switch {
	case l.State == Collision && l.Theirs != nil && !after.Version.contains(l.Theirs.Version):
	case after.Deleted:
		l = Link{State: Del, Due: true, Agreed: l.Agreed}
	case l.State == None, l.State == New:
		l.State = New
	default:
		l = Link{State: Upd, Due: true, Agreed: l.Agreed}
	}
	return l
}

// Resolve settles a conflict with a content that a person chose or wrote after seeing both versions.
// The new version contains both, so the peer takes it over.
func Resolve(r Record, fingerprint string, deleted bool, stamp Dot, w Writer) (Outcome, error) {
	if !r.State.InConflict() {
		return Outcome{}, ErrNotInConflict
	}
	if r.Theirs == nil {
		return Outcome{}, ErrNothingKept
	}
	o := Outcome{Record: r, Take: true, Hint: true}
	version := w.write(r.Version.Join(r.Theirs.Version), stamp)
	o.Head = Head{Version: version, Fingerprint: fingerprint, Deleted: deleted}
	o.open(deleted)
	return o, nil
}

// Retry tries an error again. Where this side had refused the peer's newer content, that is looked at
// again: refusal says why it is still not accepted, or is empty, and then it is taken over. Otherwise
// our version is sent again, and what is kept of the peer stays kept: it does not tell of it again.
func Retry(r Record, refusal string) (Outcome, error) {
	if r.State != Error && r.State != ErrorSynced {
		return Outcome{}, ErrNotInError
	}
	o, kept := Outcome{Record: r, Hint: true}, r.Theirs
	if kept != nil {
		switch kept.Version.Compare(r.Towards().Version) {
		case Newer:
			if refusal != "" {
				return Outcome{}, ErrStillRefused
			}
			o.Head, o.Take, kept = *kept, true, nil
			o.Version = o.Version.trimmed(keepEach)
			o.Agreed = o.Version
		case Concurrent:
		case Equal, Older:
			kept = nil // seen
		}
	}
	if !o.Known() {
		return Outcome{}, ErrNothingKept
	}
	o.open(o.Deleted)
	o.Theirs = kept
	if o.State == Upd && o.Agreed.IsZero() {
		o.State = New // the peer never had it
	}
	return o, nil
}
