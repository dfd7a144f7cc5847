//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// model is one order that side a's service has written, by its own rules, to be multiplied.
type model struct {
	name  string
	share int    // of a thousand orders
	state string // that it has to be in, in the end
	steps []step
}

// step is something that a's clients do with an order, or b's bridge tells of it.
type step func(*maker, context.Context) error

// models are orders in every state. What shares leave is the first one's.
var models = []model{
	{"came from b", 0, "OK", []step{(*maker).arrive}},
	{"edited by a person", 180, "OK", []step{(*maker).arrive, (*maker).editByPerson, (*maker).confirm}},
	{"edited by a person, then at b", 100, "OK", []step{(*maker).arrive, (*maker).editByPerson, (*maker).follow}},
	{"deleted on both", 40, "DEL_SYNCED", []step{(*maker).arrive, (*maker).deleteThere}},
	{"not at b yet", 4, "NEW", []step{(*maker).create}},
	{"edited, not at b yet", 4, "UPD", []step{(*maker).arrive, (*maker).edit}},
	{"deleted, not at b yet", 2, "DEL", []step{(*maker).arrive, (*maker).delete}},
	{"collision", 6, "COLLISION", []step{(*maker).arrive, (*maker).edit, (*maker).follow}},
	{"collision that a person settled", 4, "OK", []step{(*maker).arrive, (*maker).edit, (*maker).follow, (*maker).settle, (*maker).follow}},
	{"refused here", 2, "ERROR", []step{(*maker).arrive, (*maker).sendBad}},
	{"refused at b", 2, "ERROR_SYNCED", []step{(*maker).arrive, (*maker).edit, (*maker).refuse}},
	{"edited a hundred times", 0, "OK", append([]step{(*maker).arrive}, slices.Repeat([]step{(*maker).editByPerson, (*maker).follow}, 50)...)},
}

// What stands in the models, for others to stand there in the copies.
const (
	modelNumber = "P-MODEL"
	modelRef    = "C-MODEL"
	modelName   = "Model Name"
	modelMail   = "model@mail.example"
)

// modelFirst is the number of the first model among our orders.
const modelFirst = 1000

// maker makes one model.
type maker struct {
	a        *side
	number   int
	revision int
	seq      int64             // b's number of its last version
	version  contracts.Version // that b writes its next one over
	present  contracts.Version // at a
	content  *contracts.Order  // made last
}

// order is the model with another content each time.
func (m *maker) order() *contracts.Order {
	m.revision++
	o := makeOrder(m.number, m.revision)
	o.OrderNumber, o.Customer = modelNumber, contracts.Customer{Ref: modelRef, Name: modelName, Email: modelMail}
	m.content = o
	return o
}

func (m *maker) id() string { return orderID(m.number, 0).String() }

func (m *maker) write(ctx context.Context, method, token string, condition [2]string, body any) (err error) {
	r := request{method: method, path: "/orders/" + m.id(), token: token, header: condition}
	if body != nil {
		if r.body, err = strictjson.Encode(body); err != nil {
			return err
		}
	}
	header, _, err := m.a.call(ctx, r)
	if err == nil && body != nil {
		m.present, err = versionOf(strings.Trim(header.Get("ETag"), `"`))
	}
	return err
}

var anyVersion = [2]string{"If-Match", "*"}

func (m *maker) create(ctx context.Context) error {
	return m.write(ctx, http.MethodPut, m.a.tokens.client, [2]string{"If-None-Match", "*"}, m.order())
}

func (m *maker) edit(ctx context.Context) error {
	return m.write(ctx, http.MethodPut, m.a.tokens.client, anyVersion, m.order())
}

func (m *maker) editByPerson(ctx context.Context) error {
	err := m.write(ctx, http.MethodPut, m.a.tokens.admin, anyVersion, m.order())
	m.version = m.present // b has seen it when it goes on
	return err
}

func (m *maker) delete(ctx context.Context) error {
	return m.write(ctx, http.MethodDelete, m.a.tokens.client, anyVersion, nil)
}

// told is an entry of b's in a state, of a version of its own.
func (m *maker) told(state string, o *contracts.Order) contracts.Entry {
	m.seq++
	version := contracts.Version{seedKey: m.seq}
	for key, n := range m.version {
		if key != seedKey {
			version[key] = n
		}
	}
	e := contracts.Entry{ItemID: m.id(), State: state, Version: version, UpdatedAt: placed(m.number), ItemURI: "/orders/" + m.id(), Order: o}
	if e.Deleted = o == nil; e.Deleted {
		e.Fingerprint = ordersync.Tombstone
	} else {
		e.Fingerprint = orders.Fingerprint(o)
	}
	return e
}

func (m *maker) tell(ctx context.Context, e contracts.Entry) error {
	batch, err := strictjson.Encode(contracts.Batch{Side: "b", Entries: []contracts.Entry{e}})
	if err != nil {
		return err
	}
	return m.a.receive(ctx, batch)
}

func (m *maker) arrive(ctx context.Context) error { return m.tell(ctx, m.told("NEW", m.order())) }

// follow edits the order at b, over what b has seen: an edit here that it has not seen collides.
func (m *maker) follow(ctx context.Context) error { return m.tell(ctx, m.told("UPD", m.order())) }

// confirm tells that b has the same by now.
func (m *maker) confirm(ctx context.Context) error {
	return m.tell(ctx, contracts.Entry{
		ItemID: m.id(), State: "OK", Version: m.present, Fingerprint: orders.Fingerprint(m.content), UpdatedAt: placed(m.number), ItemURI: "/orders/" + m.id(),
	})
}

func (m *maker) deleteThere(ctx context.Context) error { return m.tell(ctx, m.told("DEL", nil)) }

func (m *maker) sendBad(ctx context.Context) error {
	o := m.order()
	o.Currency = "eur"
	return m.tell(ctx, m.told("UPD", o))
}

// refuse tells that b does not take what was edited here.
func (m *maker) refuse(ctx context.Context) error {
	return m.tell(ctx, contracts.Entry{
		ItemID: m.id(), State: "ERROR", Version: contracts.Version{}, UpdatedAt: placed(m.number), ItemURI: "/orders/" + m.id(),
		Refused: &contracts.Refusal{Version: m.present, Reason: "the ERP has closed the month of this order"},
	})
}

// settle takes b's version of a collision, as a person does.
func (m *maker) settle(ctx context.Context) error {
	body, err := strictjson.Encode(contracts.Resolution{Take: "theirs"})
	if err != nil {
		return err
	}
	header, _, err := m.a.call(ctx, request{
		method: http.MethodPost, path: "/admin/api/collisions/" + m.id() + "/resolve?peer=b", token: m.a.tokens.admin, body: body,
	})
	if err != nil {
		return err
	}
	m.version, err = versionOf(strings.Trim(header.Get("ETag"), `"`))
	return err
}

// versionOf reads a version as an ETag has it.
func versionOf(text string) (contracts.Version, error) {
	v, err := ordersync.ParseVector(text)
	out := contracts.Version{}
	for _, d := range v.Dots() {
		out[d.Key] = d.N
	}
	return out, err
}

// makeModels has side a write the models, and looks whether each stands as it should.
func makeModels(ctx context.Context, a *side) error {
	greeting, err := strictjson.Encode(contracts.Batch{Side: "b", Entries: []contracts.Entry{}, Seen: map[string]int64{}})
	if err != nil {
		return err
	}
	if err := a.receive(ctx, greeting); err != nil {
		return err
	}
	for i, one := range models {
		m := &maker{a: a, number: modelFirst + i}
		for _, do := range one.steps {
			if err := do(m, ctx); err != nil {
				return fmt.Errorf("make the order %q: %w", one.name, err)
			}
		}
		var state int
		if err := a.system.work.QueryRow(ctx, `SELECT state FROM links WHERE order_id = $1`, m.id()).Scan(&state); err != nil {
			return fmt.Errorf("look at the order %q: %w", one.name, err)
		}
		if got := contracts.States[state]; got != one.state {
			return fmt.Errorf("the order %q is in state %s instead of %s", one.name, got, one.state)
		}
	}
	return nil
}
