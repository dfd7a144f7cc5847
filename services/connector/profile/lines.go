package profile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// lineOrder is the order in which the fields of a line are read: amounts need the quantity.
var lineOrder = []string{"sku", "name", "quantity", "unitPriceMinor", "discountMinor", "taxRatePpm", "taxMinor"}

// lineRules say where the lines of an order are.
type lineRules struct {
	path      *place
	id        string
	reference *place
	merged    *list // nil: the system takes the array as a whole
	remove    map[string]any
	writable  writable
	keep      bool
	rules     map[string]*rule
}

// line is one element of the document's array with what it is here.
type line struct {
	element map[string]any
	theirs  string // the system's id
	id      string // ours
}

// read returns the lines in the order of those known here, then in the system's, and which is which.
func (l *lineRules) read(doc any, order uuid.UUID, known content, ids foreign.Lines, currency string) ([]any, foreign.Lines, error) {
	found, err := l.identify(doc, order, known, ids, currency)
	if err != nil {
		return nil, nil, err
	}
	now := foreign.Lines{}
	place := map[string]int{}
	kept := map[string]content{}
	for i, k := range linesOf(known) {
		id, _ := k[lineIDKey].(string)
		place[id], kept[id] = i, k
	}
	slices.SortStableFunc(found, func(a, b line) int { return rankOf(place, a.id) - rankOf(place, b.id) })
	ours := make([]any, len(found))
	for i, at := range found {
		now[at.theirs] = uuid.MustParse(at.id)
		values, err := l.values(at.element, kept[at.id], currency, i)
		if err != nil {
			return nil, nil, err
		}
		values[lineIDKey] = at.id
		ours[i] = map[string]any(values)
	}
	return ours, now, nil
}

func rankOf(place map[string]int, id string) int {
	if i, ok := place[id]; ok {
		return i
	}
	return contracts.LinesMax
}

func linesOf(c content) (all []content) {
	list, _ := c[linesKey].([]any)
	for _, v := range list {
		if object, ok := v.(map[string]any); ok {
			all = append(all, object)
		}
	}
	return all
}

// elements are the document's lines, without those that are marked as removed.
func (l *lineRules) elements(doc any) (all []map[string]any, err error) {
	v, err := l.path.get(doc)
	if err != nil {
		return nil, foreign.Refused("/lines", "%s", err)
	}
	array, ok := v.([]any)
	if v != nil && !ok {
		return nil, foreign.Refused("/lines", "is not a list in the system")
	}
	for _, v := range array {
		element, ok := v.(map[string]any)
		if !ok {
			return nil, foreign.Refused("/lines", "a line is not an object in the system")
		}
		if !l.removed(element) {
			all = append(all, element)
		}
	}
	return all, nil
}

func (l *lineRules) removed(element map[string]any) bool {
	for name, v := range l.remove {
		if canonical(element[name]) != canonical(v) {
			return false
		}
	}
	return len(l.remove) > 0
}

// identify finds out which line is which of ours: by what was seen before, by our id that the line carries, by its
// content among the lines known here that the system did not have so far; what is left is new and gets an id that
// follows from those of the order and the line, so that it is the same whenever it is read.
func (l *lineRules) identify(doc any, order uuid.UUID, known content, ids foreign.Lines, currency string) ([]line, error) {
	elements, err := l.elements(doc)
	if err != nil {
		return nil, err
	}
	found := make([]line, len(elements))
	taken := map[string]bool{}
	for i, element := range elements {
		theirs, err := scalar(element[l.id])
		if err != nil || theirs == "" {
			return nil, foreign.Refused(linePointer(i, ""), "has no id in the system")
		}
		found[i] = line{element: element, theirs: theirs}
		if id, ok := ids[theirs]; ok && !taken[id.String()] {
			found[i].id = id.String()
			taken[found[i].id] = true
		}
	}
	if l.reference != nil {
		for i := range found {
			if found[i].id != "" {
				continue
			}
			if v, err := l.reference.get(found[i].element); err == nil {
				if id, ok := parseID(v); ok && !taken[id.String()] {
					found[i].id = id.String()
					taken[found[i].id] = true
				}
			}
		}
	}
	l.match(found, known, taken, currency)
	for i := range found {
		if found[i].id == "" {
			found[i].id = uuid.NewSHA1(order, []byte(found[i].theirs)).String()
		}
	}
	return found, nil
}

// match gives lines without an id those of lines known here, of the same product: first of equal quantity and price.
func (l *lineRules) match(found []line, known content, taken map[string]bool, currency string) {
	for _, exact := range []bool{true, false} {
		for _, k := range linesOf(known) {
			id, _ := k[lineIDKey].(string)
			if taken[id] {
				continue
			}
			at := slices.IndexFunc(found, func(f line) bool {
				if f.id != "" {
					return false
				}
				values, err := l.values(f.element, nil, currency, 0)
				return err == nil && same(values["sku"], k["sku"]) &&
					(!exact || same(values["quantity"], k["quantity"]) && same(values["unitPriceMinor"], k["unitPriceMinor"]))
			})
			if at >= 0 {
				found[at].id = id
				taken[id] = true
			}
		}
	}
}

// parseID reads a UUID in its one canonical form.
func parseID(v any) (uuid.UUID, bool) {
	text, _ := v.(string)
	id, err := uuid.Parse(text)
	return id, err == nil && id.String() == text
}

// values reads the fields of one line; i is for messages.
func (l *lineRules) values(element map[string]any, known content, currency string, i int) (content, error) {
	values := content{}
	for _, name := range lineOrder {
		r := l.rules[name]
		v, err := l.value(r, element, values, known, currency)
		if err != nil {
			if r.skip {
				continue
			}
			return nil, foreign.Refused(linePointer(i, name), "%s", err)
		}
		values.set(name, v)
	}
	return values, nil
}

func (l *lineRules) value(r *rule, element map[string]any, values, known content, currency string) (any, error) {
	v, err := r.ours(element, known, currency)
	if err != nil {
		return nil, err
	}
	quantity, unit := int64Of(values["quantity"]), int64Of(values["unitPriceMinor"])
	switch r.codecName {
	case codecGross:
		return r.unit(int64Of(v), quantity, currency)
	case codecNet:
		off := quantity*unit - int64Of(v)
		if off < 0 {
			return nil, fmt.Errorf("the line costs %s, more than quantity times price, which is %s",
				contracts.Amount(int64Of(v), currency, ""), contracts.Amount(quantity*unit, currency, ""))
		}
		return integer(off), nil
	}
	switch r.kind {
	case kindUnit:
		if price := int64Of(v); price > 0 && quantity > contracts.MinorMax/price {
			return nil, fmt.Errorf("times the quantity is more than an order can hold")
		}
	case kindOff: // what a price that does not divide needs is a discount, too
		if up := l.rules["unitPriceMinor"]; up.codecName == codecGross && up.spread {
			gross, err := up.ours(element, known, currency)
			return integer(int64Of(v) + quantity*unit - int64Of(gross)), err
		}
	}
	return v, nil
}

// unit is the price of one piece of what all cost.
func (r *rule) unit(gross, quantity int64, currency string) (any, error) {
	if quantity <= 0 || gross < 0 {
		return nil, fmt.Errorf("%d pieces for %s are no order line", quantity, contracts.Amount(gross, currency, ""))
	}
	unit := (gross + quantity - 1) / quantity
	if unit*quantity != gross && !r.spread {
		return nil, fmt.Errorf("%s is not divisible by the quantity %d", contracts.Amount(gross, currency, ""), quantity)
	}
	return integer(unit), nil
}

// writing is what write needs to know of the edit.
type writing struct {
	creating bool
	status   string // of ours, as the document has it
	currency string
	fields   []string // pointers of what is changed, added to
	kept     []string // pointers of what may come back as another value, because the profile says so, added to
}

// refuse decides about a difference that cannot be written: it is an error, or the system keeps its own.
func (w *writing) refuse(keep bool, at, format string, args ...any) error {
	if keep {
		w.kept = append(w.kept, at)
		return nil
	}
	return foreign.Refused(at, format, args...)
}

// write changes the lines of a document to those wanted. Current are those that it has, as read.
func (l *lineRules) write(doc map[string]any, current, want content, ids foreign.Lines, w *writing) error {
	v, err := l.path.get(doc)
	if err != nil {
		return err
	}
	array, _ := v.([]any)
	byID := map[string]map[string]any{} // elements by our id
	for _, v := range array {
		if element, ok := v.(map[string]any); ok && !l.removed(element) {
			theirs, _ := scalar(element[l.id])
			if id, ok := ids[theirs]; ok {
				byID[id.String()] = element
			}
		}
	}
	now := map[string]content{}
	for _, c := range linesOf(current) {
		id, _ := c[lineIDKey].(string)
		now[id] = c
	}
	may := l.writable.now(w.creating, w.status)
	wanted := map[string]bool{}
	for i, c := range linesOf(want) {
		id, _ := c[lineIDKey].(string)
		wanted[id] = true
		element := byID[id]
		added := element == nil
		if added {
			if !may {
				if err := w.refuse(l.keep, linePointer(i, ""), "the system takes no further lines now"); err != nil {
					return err
				}
				continue
			}
			element = map[string]any{}
			if l.reference != nil {
				if err := l.reference.set(element, id); err != nil {
					return err
				}
			}
			w.fields = append(w.fields, linePointer(i, ""))
		}
		if err := l.writeLine(element, now[id], c, i, added, w); err != nil {
			return err
		}
		if added {
			array = append(array, element)
		}
	}
	for id := range now {
		if wanted[id] {
			continue
		}
		if !may || l.merged != nil && len(l.remove) == 0 {
			if err := w.refuse(l.keep, "/lines", "the system lets no line be removed now"); err != nil {
				return err
			}
			continue
		}
		w.fields = append(w.fields, "/lines")
		element := byID[id]
		if l.merged != nil {
			maps.Copy(element, l.remove)
			continue
		}
		array = slices.DeleteFunc(array, func(v any) bool {
			e, ok := v.(map[string]any)
			return ok && canonical(e[l.id]) == canonical(element[l.id])
		})
	}
	if array == nil {
		return nil
	}
	path, err := l.path.path.only(doc)
	if err != nil {
		return err
	}
	return setAt(doc, path, array)
}

// writeLine changes the fields of one line.
func (l *lineRules) writeLine(element map[string]any, now, want content, i int, added bool, w *writing) error {
	changed := map[string]bool{}
	for _, name := range lineOrder {
		r, v, have := l.rules[name], want.get(name), now.get(name)
		if added && r.codecName != codecGross && r.codecName != codecNet {
			have, _ = r.ours(element, nil, w.currency) // a constant, perhaps
		}
		if r.here || same(have, v) {
			continue
		}
		at := linePointer(i, name)
		if r.places == nil || !r.writable.now(added, w.status) {
			if err := w.refuse(r.keep, at, "the system does not let it be changed now"); err != nil {
				return err
			}
			continue
		}
		changed[name] = true
		w.fields = append(w.fields, at)
	}
	if added {
		w.fields = w.fields[:slices.Index(w.fields, linePointer(i, ""))+1] // the line says it all
	}
	return l.writeValues(element, want, changed, added, i, w)
}

func (l *lineRules) writeValues(element map[string]any, want content, changed map[string]bool, added bool, i int, w *writing) error {
	quantity, unit, off := int64Of(want["quantity"]), int64Of(want["unitPriceMinor"]), int64Of(want["discountMinor"])
	priced := added || changed["quantity"] || changed["unitPriceMinor"] || changed["discountMinor"]
	for _, name := range lineOrder {
		r, v := l.rules[name], want[name]
		switch {
		case r.codecName == codecGross && priced:
			v = integer(quantity * unit)
		case r.codecName == codecNet && priced:
			v = integer(quantity*unit - off)
		case !changed[name]:
			continue
		}
		if err := r.write(element, v, w.currency); err != nil {
			return foreign.Refused(linePointer(i, name), "%s", err)
		}
	}
	return nil
}

func linePointer(i int, name string) string {
	at := "/lines/" + strconv.Itoa(i)
	if name == "" {
		return at
	}
	return at + "/" + name
}
