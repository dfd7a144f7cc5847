package entries

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Read reads one entry of a peer. An entry whose content this side refuses, even for how it is
// written, is still observed, with the reason, as long as it says which version of which order it is
// about; what cannot be observed at all comes back as faults. Sides are those whose keys a version may have.
func Read(raw []byte, answer bool, sides []string) (*orders.Received, []contracts.FieldError) {
	e, canonical, err := decodeEntry(raw)
	if err != nil {
		return salvage(raw, faultsOf(err), answer, sides)
	}
	if errs := e.Validate(); errs != nil {
		return salvage(raw, errs, answer, sides)
	}
	rec, errs := received(e, answer)
	if errs != nil {
		return nil, errs
	}
	if fault := orders.VersionFault(rec.Entry.Version, sides); fault != "" {
		return strange(rec, fault)
	}
	switch {
	case e.Order != nil:
		var refusal string
		rec.Content, rec.Raw, refusal = orders.TakeContent(e.Order, canonical, rec.Entry.Fingerprint)
		rec.Entry.Refusal = Clean(refusal, contracts.ReasonLengthMax)
	case !e.Deleted:
		// Needed where it is newer than what is here; who has this version needs none.
		rec.Entry.Refusal = "the entry has no order"
	}
	return rec, nil
}

// received turns the envelope of an entry into what the core observes.
func received(e *contracts.Entry, answer bool) (*orders.Received, []contracts.FieldError) {
	id, err := uuid.Parse(e.ItemID)
	if err != nil {
		return nil, []contracts.FieldError{{Pointer: "/itemId", Detail: "must be a UUID"}}
	}
	if id == uuid.Nil {
		return nil, []contracts.FieldError{{Pointer: "/itemId", Detail: "must not be the UUID of zeros, which stands for none"}}
	}
	state, ok := ordersync.ParseState(e.State)
	if !ok {
		return nil, []contracts.FieldError{{Pointer: "/state", Detail: "is no state"}}
	}
	version, err := coreVersion(e.Version)
	if err != nil {
		return nil, []contracts.FieldError{{Pointer: "/version", Detail: "is no version"}}
	}
	rec := &orders.Received{ID: id, UpdatedAt: e.UpdatedAt, Entry: ordersync.Entry{
		Head: ordersync.Head{Version: version, Fingerprint: e.Fingerprint, Deleted: e.Deleted}, State: state,
	}}
	if e.Deleted {
		rec.Entry.Fingerprint = ordersync.Tombstone
	}
	if e.Refused != nil {
		if rec.Entry.Refused, err = coreVersion(e.Refused.Version); err != nil {
			return nil, []contracts.FieldError{{Pointer: "/refused/version", Detail: "is no version"}}
		}
		rec.Entry.Why = Clean(e.Refused.Reason, contracts.ReasonLengthMax)
	}
	if answer {
		to, err := coreVersion(e.AnswerTo)
		if err != nil || e.AnswerTo == nil {
			return nil, []contracts.FieldError{{Pointer: "/answerTo", Detail: "an answer must say which version it answers"}}
		}
		rec.Entry.AnswerTo = &to
	}
	return rec, nil
}

// strange handles an entry whose version must not come in, since every later version of the order would
// contain it. A request is answered with the reason. An answer has to end what it answers, or the order
// would be sent again for ever: it counts as the peer's refusal.
func strange(rec *orders.Received, fault string) (*orders.Received, []contracts.FieldError) {
	to := rec.Entry.AnswerTo
	if to == nil {
		return nil, []contracts.FieldError{{Pointer: "/version", Detail: fault}}
	}
	rec.Entry = ordersync.Entry{State: ordersync.Error, Refused: *to, Why: Clean("the peer's answer was refused: "+fault, contracts.ReasonLengthMax), AnswerTo: to}
	return rec, nil
}

func coreVersion(v contracts.Version) (ordersync.Vector, error) {
	dots := make([]ordersync.Dot, 0, len(v))
	var heads []string
	for k, n := range v {
		key, head := strings.CutSuffix(k, contracts.VersionHead)
		if head {
			heads = append(heads, key)
		}
		dots = append(dots, ordersync.Dot{Key: key, N: n})
	}
	version, err := ordersync.NewVector(dots...)
	if err != nil {
		return version, err
	}
	return version.WithHeads(heads...)
}

// decodeEntry reads an entry strictly. Canonical is its order's bytes where they are how strictjson.Encode writes the
// order, as those of a service of the same contract are, and nil otherwise.
func decodeEntry(raw []byte) (e *contracts.Entry, canonical []byte, err error) {
	e = new(contracts.Entry)
	if !strictjson.DecodeCanonical(raw, e) {
		*e = contracts.Entry{}
		return e, nil, strictjson.Decode(raw, e)
	}
	return e, strictjson.OrderOf(raw), nil
}

func faultsOf(err error) []contracts.FieldError {
	var p *contracts.Problem
	if errors.As(err, &p) && p.Errors != nil {
		return p.Errors
	}
	return []contracts.FieldError{{Detail: "cannot be read"}}
}

// salvage finds what order and version an entry is about that breaks the rules, so that the refusal
// can be recorded with the order.
func salvage(raw []byte, faults []contracts.FieldError, answer bool, sides []string) (*orders.Received, []contracts.FieldError) {
	if answer {
		return salvageAnswer(raw, faults)
	}
	e, order, ok := envelope(raw)
	if !ok {
		return nil, faults
	}
	rec, errs := received(&e, answer)
	if errs != nil || rec.Entry.Version.IsZero() || orders.VersionFault(rec.Entry.Version, sides) != "" {
		return nil, faults
	}
	rec.Entry.Refusal = Clean(orders.RefusalText(faults), contracts.ReasonLengthMax)
	// What could not be shown again is not kept; the reason says what was wrong with it.
	if order.IsValid() && len(order) <= contracts.OrderBytesMax {
		rec.Raw = order
	}
	return rec, nil
}

// salvageAnswer finds what an answer is about that breaks the rules, and takes it for the refusal that
// strange makes of one.
func salvageAnswer(raw []byte, faults []contracts.FieldError) (*orders.Received, []contracts.FieldError) {
	var v struct {
		ItemID   string            `json:"itemId"`
		AnswerTo contracts.Version `json:"answerTo"`
	}
	if json.Unmarshal(raw, &v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return nil, faults
	}
	e := contracts.Entry{ItemID: v.ItemID, State: ordersync.ErrorSynced.String(), AnswerTo: v.AnswerTo}
	if e.Validate() != nil {
		return nil, faults
	}
	rec, errs := received(&e, true)
	if errs != nil {
		return nil, faults
	}
	return strange(rec, orders.RefusalText(faults))
}

// envelope reads the parts of an entry that say what it is about, leniently.
func envelope(raw []byte) (contracts.Entry, jsontext.Value, bool) {
	var v struct {
		ItemID      string            `json:"itemId"`
		State       string            `json:"state"`
		Version     contracts.Version `json:"version"`
		Fingerprint jsontext.Value    `json:"fingerprint"`
		UpdatedAt   jsontext.Value    `json:"updatedAt"`
		Deleted     bool              `json:"deleted"`
		Order       jsontext.Value    `json:"order"`
	}
	if json.Unmarshal(raw, &v, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) != nil {
		return contracts.Entry{}, nil, false
	}
	e := contracts.Entry{ItemID: v.ItemID, State: v.State, Version: v.Version, UpdatedAt: time.Time{}, ItemURI: "/orders/" + v.ItemID, Deleted: v.Deleted}
	_ = json.Unmarshal(v.UpdatedAt, &e.UpdatedAt) // shown only; without it the time of receiving counts
	if e.UpdatedAt = e.UpdatedAt.UTC(); e.UpdatedAt.Year() < contracts.YearMin || e.UpdatedAt.Year() > contracts.YearMax {
		e.UpdatedAt = time.Time{}
	}
	_ = json.Unmarshal(v.Fingerprint, &e.Fingerprint) // checked below
	probe := e
	probe.Fingerprint, probe.UpdatedAt = ordersync.Tombstone, time.Unix(0, 0).UTC()
	if probe.Validate() != nil {
		return contracts.Entry{}, nil, false
	}
	if p := e; p.Fingerprint != "" {
		p.UpdatedAt = probe.UpdatedAt
		if p.Validate() != nil {
			e.Fingerprint = ""
		}
	}
	return e, v.Order, true
}

// Unusable answers an entry that cannot be observed, under the id that it names or the nil UUID.
func Unusable(raw []byte, faults []contracts.FieldError) contracts.Entry {
	e, _, ok := envelope(raw)
	if !ok {
		e = contracts.Entry{ItemID: uuid.Nil.String(), Version: contracts.Version{}}
	}
	return contracts.Entry{
		ItemID: e.ItemID, State: ordersync.Error.String(), Version: contracts.Version{}, UpdatedAt: time.Unix(0, 0).UTC(),
		ItemURI: "/orders/" + e.ItemID, AnswerTo: e.Version,
		Refused: &contracts.Refusal{Version: e.Version, Reason: Clean(orders.RefusalText(faults), contracts.ReasonLengthMax)},
	}
}

// Clean makes a text of the other side fit to be stored and logged.
func Clean(s string, lengthMax int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "?")
	if len(s) > lengthMax {
		s = strings.ToValidUTF8(s[:lengthMax], "")
	}
	return s
}
