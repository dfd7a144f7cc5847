//go:build linux

package trytontest

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/orderbridge/orderbridge/deploy/trytond"
)

// Sale is what a person types into a new sale.
type Sale struct {
	Party   string            `json:"party"` // by name; made when there is none
	Address map[string]string `json:"address,omitempty"`
	Lines   []Line            `json:"lines"`
	Comment string            `json:"comment,omitempty"`
}

// Line is what a person types into a new line. Price is the product's when it is empty.
type Line struct {
	Product     string  `json:"product"`
	Quantity    float64 `json:"quantity"`
	Price       string  `json:"price,omitempty"`
	Description string  `json:"description,omitempty"`
}

// Decimal is a value for a field that is a decimal.
func Decimal(text string) any { return map[string]string{"decimal": text} }

// Date is a value for a field that is a date.
func Date(text string) any { return map[string]string{"date": text} }

// Values are fields of a record by their names in Tryton.
type Values map[string]any

// person is a clerk with Tryton's client library.
type person struct{ *conversation }

func (p *person) stop() {
	if p != nil {
		_ = p.end() // a test that fails has told why
	}
}

// do has the clerk do something, and fails the test when Tryton does not take it.
func (s *Shop) do(t testing.TB, what string, with any, result any) {
	t.Helper()
	if err := s.try(t, what, with, result); err != "" {
		t.Fatalf("%s in Tryton: %s", what, err)
	}
}

func (s *Shop) try(t testing.TB, what string, with any, result any) (refused string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.person == nil {
		u := s.options.URL().JoinPath(s.options.Name() + "/")
		c, err := s.converse("person.py", "TRYTON_XMLRPC="+u.String(), "TRYTON_LOGIN="+trytond.PersonLogin, "TRYTON_PASSWORD="+trytond.FirstPassword)
		if err != nil {
			t.Fatal(err)
		}
		s.person = &person{c}
	}
	data, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	request := map[string]any{}
	if err := json.Unmarshal(data, &request); err != nil {
		t.Fatal(err)
	}
	request["do"] = what
	line, err := s.person.say(request)
	if err != nil {
		t.Fatalf("%s in Tryton: %v", what, err)
	}
	answer := struct {
		Result any    `json:"result"`
		Error  string `json:"error"`
	}{Result: result}
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		t.Fatalf("%s in Tryton: %v", what, err)
	}
	return answer.Error
}

// Create makes a sale and returns its id.
func (s *Shop) Create(t testing.TB, sale Sale) string {
	t.Helper()
	var id int
	s.do(t, "create", sale, &id)
	return strconv.Itoa(id)
}

// Edit changes fields of a sale.
func (s *Shop) Edit(t testing.TB, sale string, values Values) {
	t.Helper()
	s.do(t, "edit", Values{"sale": numberOf(t, sale), "values": values}, nil)
}

// AddLine adds a line to a sale, in the sale's form.
func (s *Shop) AddLine(t testing.TB, sale string, line Line) {
	t.Helper()
	s.do(t, "add_line", struct {
		Sale int `json:"sale"`
		Line
	}{numberOf(t, sale), line}, nil)
}

// EditLine changes fields of a line by itself, past its sale.
func (s *Shop) EditLine(t testing.TB, line string, values Values) {
	t.Helper()
	s.do(t, "edit_line", Values{"line": numberOf(t, line), "values": values}, nil)
}

// DeleteLine deletes a line by itself, past its sale.
func (s *Shop) DeleteLine(t testing.TB, line string) {
	t.Helper()
	s.do(t, "delete_line", Values{"line": numberOf(t, line)}, nil)
}

// Click presses a button of a sale: quote, confirm, process, cancel, draft.
func (s *Shop) Click(t testing.TB, sale, button string) {
	t.Helper()
	s.do(t, "click", Values{"sale": numberOf(t, sale), "button": button}, nil)
}

// Delete deletes a sale.
func (s *Shop) Delete(t testing.TB, sale string) {
	t.Helper()
	s.do(t, "delete", Values{"sale": numberOf(t, sale)}, nil)
}

// EditParty changes fields of a party that has a name.
func (s *Shop) EditParty(t testing.TB, name string, values Values) {
	t.Helper()
	s.do(t, "party", Values{"name": name, "values": values}, nil)
}

// Count is how many sales have a web_id.
func (s *Shop) Count(t testing.TB, webID string) int {
	t.Helper()
	var n int
	s.do(t, "count", Values{"web_id": webID}, &n)
	return n
}

// Hold changes fields of a sale in a transaction that stays open. It returns what commits it.
func (s *Shop) Hold(t testing.TB, sale string, values Values) (commit func()) {
	t.Helper()
	c, err := s.converse("hold.py", "TRYTOND_CONFIG="+s.options.ConfigFile(), "TRYTON_NAME="+s.options.Name())
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want, got string, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Fatalf("hold a transaction open: %q, %v", got, err)
		}
	}
	got, err := c.say(Values{"sale": numberOf(t, sale), "values": values})
	expect("open", got, err)
	return func() {
		t.Helper()
		got, err := c.say("commit")
		expect("committed", got, err)
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
	}
}

func numberOf(t testing.TB, id string) int {
	t.Helper()
	n, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
