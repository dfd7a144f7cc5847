package tryton

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

// party finds or makes the party of a sale. Was is the document's party, nil for a new sale. Change is what is to change
// of the party itself, nil when nothing is.
func (s *System) party(ctx context.Context, was, want object) (id int64, change object, err error) {
	for name, v := range want {
		if v, err = textOf(name, v); err != nil {
			return 0, nil, err
		}
		if !slices.Contains([]string{"code", "name", "email", "phone"}, name) {
			return 0, nil, fmt.Errorf("the profile writes %s of a party, which this adapter does not", name)
		}
		if v == nil && (name == "name" || name == "code" && was != nil) {
			return 0, nil, foreign.Refused("/customer", "Tryton: a party needs a %s", name)
		}
	}
	if code, ok := want["code"]; was != nil && (!ok || code == was["code"]) {
		return number(was, "id"), want, nil
	}
	all := merged(was, want)
	found, err := s.findParty(ctx, all)
	if err != nil || found != 0 {
		return found, nil, err
	}
	values := object{"name": all["name"]}
	if code := text(all, "code"); code != "" {
		values["code"] = code
	}
	var contacts []any
	for _, kind := range []string{"email", "phone"} {
		if value := text(all, kind); value != "" {
			contacts = append(contacts, object{"type": kind, "value": value})
		}
	}
	if len(contacts) > 0 {
		values["contact_mechanisms"] = []any{[]any{"create", contacts}}
	}
	id, err = s.make(ctx, "party.party", values)
	return id, nil, err
}

// findParty finds the party that a customer is; 0 when there is none, or more than one.
func (s *System) findParty(ctx context.Context, want object) (int64, error) {
	code, name, email := text(want, "code"), text(want, "name"), text(want, "email")
	var found []object
	var err error
	switch {
	case code != "":
		found, err = s.search(ctx, "party.party", domain(clause("code", "=", code)), "name")
	case email != "":
		found, err = s.search(ctx, "party.party", domain(clause("name", "=", name),
			clause("contact_mechanisms", "where", domain(clause("type", "=", "email"), clause("value", "=", email)))), "name")
	default:
		found, err = s.search(ctx, "party.party", domain(clause("name", "=", name)), "name")
	}
	if err != nil || len(found) != 1 {
		return 0, err
	}
	return number(found[0], "id"), nil
}

// make makes one record of a model.
func (s *System) make(ctx context.Context, model string, values object) (int64, error) {
	var made []int64
	if err := s.client.call(ctx, &made, nil, "model."+model+".create", []any{values}); err != nil {
		return 0, err
	}
	if len(made) != 1 {
		return 0, fmt.Errorf("the server answered with other ids than one for a new %s", model)
	}
	return made[0], nil
}

// writeParty changes a document's party itself, if it is still as it was read.
func (s *System) writeParty(ctx context.Context, was *foreign.Document, read times, change object) error {
	values, contacts := object{}, []any{}
	id := number(inner(was.Body, "party"), "id")
	if name, ok := change["name"]; ok {
		values["name"] = name
	}
	for kind, kinds := range map[string][]string{"email": {"email"}, "phone": {"phone", "mobile"}} {
		value, ok := change[kind]
		if !ok {
			continue
		}
		parties, err := s.search(ctx, "party.party", domain(clause("id", "=", id)), partyFields...)
		switch {
		case err != nil:
			return err
		case len(parties) != 1:
			return foreign.ErrStale
		}
		there := contactOf(parties[0], kinds...)
		switch {
		case there == nil && orNull(value) != nil:
			contacts = append(contacts, []any{"create", []any{object{"type": kind, "value": value}}})
		case there != nil && orNull(value) == nil:
			contacts = append(contacts, []any{"delete", []int64{number(there, "id")}})
		case there != nil:
			contacts = append(contacts, []any{"write", []int64{number(there, "id")}, object{"value": value}})
		}
	}
	if len(contacts) > 0 {
		values["contact_mechanisms"] = contacts
	}
	if len(values) == 0 {
		return nil
	}
	return s.client.call(ctx, nil, object{"_timestamp": read}, "model.party.party.write", []int64{id}, values)
}

// pointers are those of the two addresses.
var pointers = map[string]string{"invoice_address": "/billingAddress", "shipment_address": "/shippingAddress"}

// address finds the party's address that has a content, or makes it. Nil: the sale is to have none.
func (s *System) address(ctx context.Context, party int64, name string, want object, none bool) (any, error) {
	want = maps.Clone(want)
	delete(want, "id")
	empty := true
	for member, v := range want {
		v, err := textOf(name+"."+member, v)
		if err != nil {
			return nil, err
		}
		want[member], empty = v, empty && v == nil
	}
	if none || empty {
		return nil, nil
	}
	country, err := s.country(ctx, name, want)
	if err != nil {
		return nil, err
	}
	found, err := s.search(ctx, "party.address",
		domain(clause("party", "=", party), clause("country", "=", orNone(country)), clause("city", "=", want["city"])), addressFields...)
	if err != nil {
		return nil, err
	}
	for _, one := range found {
		if there, _ := addressOf(one).(object); sameAddress(there, want) {
			return number(one, "id"), nil
		}
	}
	region, err := s.region(ctx, name, country, want)
	if err != nil {
		return nil, err
	}
	street := text(want, "line1")
	if more := text(want, "line2"); more != "" {
		street += "\n" + more
	}
	return s.make(ctx, "party.address", object{
		"party": party, "party_name": want["name"], "name": want["building_name"], "street": orNull(street),
		"postal_code": want["postal_code"], "city": want["city"], "country": orNone(country), "subdivision": orNone(region),
	})
}

func sameAddress(there, want object) bool {
	for _, member := range []string{"name", "building_name", "line1", "line2", "postal_code", "city", "country", "region"} {
		if orNull(there[member]) != orNull(want[member]) {
			return false
		}
	}
	return true
}

func orNone(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// country finds the country of an address; 0 for none.
func (s *System) country(ctx context.Context, address string, want object) (int64, error) {
	code := text(want, "country")
	if code == "" {
		return 0, nil
	}
	found, err := s.search(ctx, "country.country", domain(clause("code", "=", code)), "code")
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, foreign.Refused(pointers[address]+"/country", "Tryton: there is no country %s", code)
	}
	return number(found[0], "id"), nil
}

// region finds the subdivision of a country by its code, with or without the country's, or by its name; 0 for none.
func (s *System) region(ctx context.Context, address string, country int64, want object) (int64, error) {
	region := text(want, "region")
	if region == "" {
		return 0, nil
	}
	found, err := s.search(ctx, "country.subdivision", domain(clause("country", "=", orNone(country))), "code", "name")
	if err != nil {
		return 0, err
	}
	for _, one := range found {
		code := text(one, "code")
		if region == code || region == strings.TrimPrefix(code, text(want, "country")+"-") || strings.EqualFold(region, text(one, "name")) {
			return number(one, "id"), nil
		}
	}
	return 0, foreign.Refused(pointers[address]+"/region", "Tryton: the country has no subdivision %s", region)
}
