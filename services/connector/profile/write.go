package profile

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// docs are the stages of a document that is being written: as it is, as it is written, and as the system is known to
// make of that.
type docs struct{ before, after, sim map[string]any }

// writeField changes one field.
func (m *Mapping) writeField(r *rule, d docs, current, want content, edit *foreign.Edit, w *writing) error {
	if r.here {
		return nil
	}
	v := want.get(r.name)
	now := m.present(r, d, current, want, w)
	if same(now, v) {
		return nil
	}
	at := pointer(r.name)
	if len(r.transitions) > 0 {
		return m.move(r, d, now, v, edit, w)
	}
	if len(r.places) == 0 || !r.writable.now(w.creating, w.status) {
		return w.refuse(r.keep, at, "the system does not let it be changed now: it has %s, wanted is %s", show(now), show(v))
	}
	for _, doc := range []map[string]any{d.after, d.sim} {
		if err := r.write(doc, v, w.currency); err != nil {
			return foreign.Refused(at, "%s", err)
		}
	}
	w.fields = append(w.fields, at)
	return nil
}

// present is the value that a field has when its turn comes: the one that was read, unless what was written before
// it, the statuses, has changed it.
func (m *Mapping) present(r *rule, d docs, current, want content, w *writing) any {
	cancelled := r.ofCancelled()
	if !w.creating && !cancelled && len(w.fields) == 0 { // nothing was written
		return current.get(r.name)
	}
	now, err := r.ours(d.sim, want, w.currency)
	if w.creating || cancelled {
		if err != nil || cancelled && want["status"] != string(contracts.StatusCancelled) {
			return nil
		}
		return now
	}
	if err != nil || same(now, current.get(r.name)) {
		return current.get(r.name)
	}
	if was, err := r.ours(d.before, want, w.currency); err == nil && same(now, was) {
		return current.get(r.name)
	}
	return now
}

// ofCancelled reports whether only a cancelled order has the field.
func (r *rule) ofCancelled() bool { return r.name == "cancelReason" || r.name == "cancelledAt" }

// move writes a field by a transition.
func (m *Mapping) move(r *rule, d docs, now, v any, edit *foreign.Edit, w *writing) error {
	at := pointer(r.name)
	s := r.step(d.sim, false, v)
	if s == nil && w.creating {
		s = r.step(d.sim, true, v)
	}
	if s == nil {
		return w.refuse(r.keep, at, "the profile knows no way from %s to %s", show(now), show(v))
	}
	for _, doc := range []map[string]any{d.after, d.sim} {
		if err := setAll(doc, s.set); err != nil {
			return foreign.Refused(at, "%s", err)
		}
	}
	if err := setAll(d.sim, s.then); err != nil {
		return foreign.Refused(at, "%s", err)
	}
	for _, name := range s.moves {
		w.kept = append(w.kept, pointer(name))
	}
	if s.action != "" {
		edit.Actions = append(edit.Actions, s.action)
	}
	w.fields = append(w.fields, at)
	return nil
}

// outcome is the document as the system is known to make of what is written, with ids for new lines.
func (m *Mapping) outcome(sim, after map[string]any) (map[string]any, error) {
	lines, err := m.lines.path.get(after)
	if err != nil || lines == nil {
		return sim, err
	}
	path, err := m.lines.path.path.only(sim)
	if err != nil {
		return nil, err
	}
	array, _ := clone(lines).([]any)
	for i, v := range array {
		if element, ok := v.(map[string]any); ok && element[m.lines.id] == nil {
			element[m.lines.id] = fmt.Sprintf("new-%d", i)
		}
	}
	return sim, setAt(sim, path, array)
}

// verify reads what is about to be written and refuses what would come back as another value. What the profile keeps
// is not wanted, so it may.
func (m *Mapping) verify(after map[string]any, id uuid.UUID, want content, lines foreign.Lines, w *writing) error {
	_, back, _, err := m.read(after, id, want, lines)
	if err != nil {
		return err
	}
	for _, r := range m.fields {
		now, v := back.get(r.name), want.get(r.name)
		if same(now, v) || slices.Contains(w.kept, pointer(r.name)) || r.keep && !r.writable.now(w.creating, w.status) {
			continue
		}
		return mismatch(pointer(r.name), now, v)
	}
	return m.lines.verify(back, want, w)
}

func (l *lineRules) verify(back, want content, w *writing) error {
	got := map[string]content{}
	for _, c := range linesOf(back) {
		id, _ := c[lineIDKey].(string)
		got[id] = c
	}
	for i, c := range linesOf(want) {
		id, _ := c[lineIDKey].(string)
		now, ok := got[id]
		delete(got, id)
		if !ok {
			if slices.Contains(w.kept, linePointer(i, "")) {
				continue
			}
			return mismatch(linePointer(i, ""), nil, id)
		}
		for _, name := range lineOrder {
			r, at := l.rules[name], linePointer(i, name)
			if !same(now.get(name), c.get(name)) && !slices.Contains(w.kept, at) && !(r.keep && !r.writable.now(w.creating, w.status)) {
				return mismatch(at, now.get(name), c.get(name))
			}
		}
	}
	if len(got) > 0 && !slices.Contains(w.kept, "/lines") {
		return foreign.Refused("/lines", "the system would not remove a line")
	}
	return nil
}

func mismatch(at string, now, v any) error {
	return &broken{foreign.Refused(at, "the system would not keep it as it is: %s would come back as %s", show(v), show(now))}
}

// broken is a Refusal that says that a value does not come back as it was written. Load takes it for a broken profile.
type broken struct{ *foreign.Refusal }

// Unwrap makes it the Refusal that it is for others.
func (b *broken) Unwrap() error { return b.Refusal }
