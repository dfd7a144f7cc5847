package tryton

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

const (
	concurrency = 4
	pageSales   = 100 // sales in one answer of a list

	// late is how long a transaction of Tryton may be open. Its times are those of its start.
	late = 10 * time.Minute
	// longest is how long a call may go on after its client has given up: on a lock, or at the database's pace. Making a
	// sale twice is impossible at any time, see web_id.
	longest = 2 * callTime
)

// Options say which Tryton, and as whom.
type Options struct {
	URL      string // of the server: https://tryton.example.com/
	Database string
	User     string // with a company, and the right to sell
	Password string
	Web      string // address of the web client, for links to sales; empty: no links
}

// System is a Tryton database. It implements foreign.System.
type System struct {
	client *client
	web    string
}

var _ foreign.System = (*System)(nil)

// New makes the adapter. It calls nothing yet.
func New(o Options) (*System, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	s := &System{client: c}
	if o.Web != "" {
		s.web = strings.TrimSuffix(o.Web, "/") + "/#" + o.Database + "/model/sale.sale/"
	}
	return s, nil
}

// Get implements foreign.System.
func (s *System) Get(ctx context.Context, id string) (*foreign.Document, error) {
	sale, err := s.sale(ctx, id, saleFields)
	if err != nil {
		return nil, err
	}
	return documentOf(sale)
}

// sale reads fields of one sale. ErrGone: a search for its id finds nothing.
func (s *System) sale(ctx context.Context, id string, fields []string) (object, error) {
	n, err := idOf(id)
	if err != nil {
		return nil, err
	}
	sales, err := s.sales(ctx, domain(clause("id", "=", n)), nil, fields)
	switch {
	case err != nil:
		return nil, err
	case len(sales) == 0:
		return nil, s.gone(ctx, n)
	case len(sales) > 1 || number(sales[0], "id") != n:
		return nil, fmt.Errorf("the server answered with other sales than %s", id)
	}
	return sales[0], nil
}

// gone is ErrGone, unless the sale is only hidden: a module may archive sales.
func (s *System) gone(ctx context.Context, id int64) error {
	var hidden []int64
	err := s.client.call(ctx, &hidden, object{"active_test": false}, "model.sale.sale.search", domain(clause("id", "=", id)))
	switch {
	case err != nil:
		return err
	case len(hidden) > 0:
		return fmt.Errorf("the sale %d is archived", id)
	}
	return foreign.ErrGone
}

func idOf(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no id of a sale", id)
	}
	return n, nil
}

func clause(field, operator string, value any) []any { return []any{field, operator, value} }

func domain(clauses ...any) []any { return append([]any{}, clauses...) }

// Find implements foreign.System.
func (s *System) Find(ctx context.Context, reference uuid.UUID) ([]string, error) {
	sales, err := s.sales(ctx, domain(clause("web_id", "=", reference.String())), nil, []string{"id"})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, sale := range sales {
		ids = append(ids, candidateOf(sale).ID)
	}
	return ids, nil
}

// Create implements foreign.System.
func (s *System) Create(ctx context.Context, reference uuid.UUID, edit *foreign.Edit) (string, error) {
	values, _, err := s.values(ctx, nil, edit.Body)
	if err != nil {
		return "", err
	}
	values["web_id"] = reference.String()
	id, err := s.create(ctx, reference, values)
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(id, 10), halfDone(s.act(ctx, id, "draft", edit.Actions, nil))
}

// create makes the sale, or finds the one that a call made before whose answer was lost.
func (s *System) create(ctx context.Context, reference uuid.UUID, values object) (int64, error) {
	var ids []int64
	err := s.client.call(ctx, &ids, nil, "model.sale.sale.create", []any{values})
	var refusal *foreign.Refusal
	if errors.As(err, &refusal) {
		there, lost := s.Find(ctx, reference)
		if lost != nil {
			return 0, lost
		}
		if len(there) == 1 {
			return idOf(there[0])
		}
	}
	if err == nil && len(ids) != 1 {
		err = errors.New("the server answered with other ids than one")
	}
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// Update implements foreign.System.
func (s *System) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	id, err := idOf(was.ID)
	if err != nil {
		return err
	}
	read, err := timesOfVersion(was.Version)
	if err != nil {
		return err
	}
	state := text(was.Body, "state")
	if err := possible(state, was.Body, edit); err != nil {
		return err
	}
	if len(edit.Body) > 0 {
		values, party, err := s.values(ctx, was.Body, edit.Body)
		if err != nil {
			return err
		}
		if err := s.write(ctx, was, id, read, values); err != nil {
			return err
		}
		if err := s.writeParty(ctx, was, read, party); err != nil {
			return halfDone(err)
		}
		if len(edit.Actions) == 0 {
			return nil
		}
		sale, err := s.sale(ctx, was.ID, timeFields)
		if err != nil {
			return halfDone(err)
		}
		return halfDone(s.act(ctx, id, state, edit.Actions, timesOf(sale)))
	}
	return s.believed(ctx, was, s.act(ctx, id, state, edit.Actions, read))
}

// write writes a sale and, with nothing, its lines, so that the time of each record is checked.
func (s *System) write(ctx context.Context, was *foreign.Document, id int64, read times, values object) error {
	var touched []any
	changed := map[int64]bool{}
	changes, _ := values["lines"].([]any)
	for _, change := range changes {
		if ids, ok := change.([]any)[1].([]int64); ok {
			for _, line := range ids {
				changed[line] = true
			}
		}
	}
	for line := range lineIDs(was.Body) {
		if !changed[line] {
			touched = append(touched, line)
		}
	}
	if len(touched) > 0 {
		values["lines"] = append([]any{[]any{"write", touched, object{}}}, changes...)
	}
	return s.believed(ctx, was, s.client.call(ctx, nil, object{"_timestamp": read}, "model.sale.sale.write", []int64{id}, values))
}

// believed makes ErrStale of a refusal of a sale that is no more as it was: a line that was deleted meanwhile is refused
// as if a right were missing.
func (s *System) believed(ctx context.Context, was *foreign.Document, err error) error {
	var refusal *foreign.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	sale, lost := s.sale(ctx, was.ID, saleFields)
	switch {
	case lost != nil:
		return lost
	case timesOf(sale).version() != was.Version:
		return foreign.ErrStale
	}
	return err
}

// halfDone is an error that comes after something was written.
func halfDone(err error) error {
	var half *foreign.HalfDone
	if err == nil || errors.As(err, &half) {
		return err
	}
	return &foreign.HalfDone{Err: err}
}

// Changed implements foreign.System: the sales of which a record was written from a time on. It knows no end, because what
// changes meanwhile belongs to the next window, too.
func (s *System) Changed(ctx context.Context, from, _ time.Time, yield func(foreign.Candidate) error) error {
	since := []any{"OR"}
	for _, field := range []string{"write_date", "create_date"} {
		for _, path := range records(field) {
			since = append(since, clause(path, ">=", datetime(from)))
		}
	}
	for after := int64(0); ; {
		sales, err := s.sales(ctx, domain(clause("id", ">", after), since), pageSales, timeFields)
		if err != nil {
			return err
		}
		for _, sale := range sales {
			if id := number(sale, "id"); id <= after {
				return errors.New("the server lists sales in another order than asked for")
			} else {
				after = id
			}
			if err := yield(candidateOf(sale)); err != nil {
				return err
			}
		}
		if len(sales) < pageSales {
			return nil
		}
	}
}

func candidateOf(sale object) foreign.Candidate {
	digest := sha256.Sum256([]byte(timesOf(sale).version()))
	return foreign.Candidate{ID: strconv.FormatInt(number(sale, "id"), 10), Modified: hex.EncodeToString(digest[:16])}
}

// All implements foreign.System. Its pages have the whole documents.
func (s *System) All(ctx context.Context, after string) (page []foreign.Candidate, next string, err error) {
	var last int64
	if after != "" {
		if last, err = idOf(after); err != nil {
			return nil, "", err
		}
	}
	sales, err := s.sales(ctx, domain(clause("id", ">", last)), pageSales, saleFields)
	if err != nil {
		return nil, "", err
	}
	for _, sale := range sales {
		c := candidateOf(sale)
		if doc, err := documentOf(sale); err == nil { // else a Get says what is wrong with it
			c.Document = doc
		}
		page = append(page, c)
	}
	if len(page) == pageSales {
		next = page[len(page)-1].ID
	}
	return page, next, nil
}

// Now implements foreign.System, by the whole second.
func (s *System) Now(ctx context.Context) (time.Time, error) { return s.client.now(ctx) }

// Traits implements foreign.System.
func (s *System) Traits() foreign.Traits {
	return foreign.Traits{
		Name: "tryton", Conditional: true, Resolution: time.Microsecond, Late: late,
		LongestRequest: longest, Concurrency: concurrency,
	}
}

// Link implements foreign.System.
func (s *System) Link(id string) string {
	if s.web == "" {
		return ""
	}
	return s.web + id
}

// Quota implements foreign.System: Tryton has none.
func (s *System) Quota() (int, bool) { return 0, false }
