package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

// readsMax is how often an order is read that changes while its parts are read.
const readsMax = 3

// System is a system with a REST API. It implements foreign.System.
type System struct {
	rest    *profile.REST
	mapping *profile.Mapping
	client  *client
	exprs   expressions
}

type expressions struct {
	id, document, modified, version, cursor, items *profile.Expression
}

// New makes the System that a profile describes.
func New(m *profile.Mapping, c Config) (*System, error) {
	r := m.REST()
	if r == nil {
		return nil, fmt.Errorf("profile %s: has no section rest", m.Name())
	}
	k, err := newClient(r, c)
	if err != nil {
		return nil, err
	}
	s := &System{rest: r, mapping: m, client: k}
	texts := map[**profile.Expression]string{
		&s.exprs.id: r.ID, &s.exprs.document: r.Document, &s.exprs.modified: r.Modified, &s.exprs.cursor: r.Paging.Cursor, &s.exprs.items: r.Paging.Items,
	}
	if r.Condition != nil {
		texts[&s.exprs.version] = r.Condition.Version
	}
	for e, text := range texts {
		if text == "" {
			continue
		}
		if *e, err = profile.Compile(text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Get implements foreign.System. Parts that have addresses of their own are read after the order, and all again if the
// order changed meanwhile.
func (s *System) Get(ctx context.Context, id string) (*foreign.Document, error) {
	doc, err := s.get(ctx, id)
	if err != nil || len(s.rest.Parts) == 0 {
		return doc, err
	}
	for range readsMax {
		whole := maps.Clone(doc.Body)
		for _, member := range slices.Sorted(maps.Keys(s.rest.Parts)) {
			if whole[member], err = s.part(ctx, fillID(s.rest.Parts[member], id)); err != nil {
				return nil, err
			}
		}
		again, err := s.get(ctx, id)
		if err != nil {
			return nil, err
		}
		if s.modifiedOf(again.Body) == s.modifiedOf(doc.Body) {
			doc.Body = whole
			return doc, nil
		}
		doc = again
	}
	return nil, fmt.Errorf("order %s changes faster than it can be read", id)
}

// part reads all pages of a part.
func (s *System) part(ctx context.Context, path string) ([]any, error) {
	all := []any{}
	err := s.list(ctx, profile.List{Path: path}, nil, func(item any) error {
		all = append(all, item)
		return nil
	})
	if errors.Is(err, foreign.ErrGone) {
		return nil, fmt.Errorf("GET %s: a part of the order is missing", path)
	}
	return all, err
}

func (s *System) get(ctx context.Context, id string) (*foreign.Document, error) {
	path := fillID(s.rest.Get.Path, id)
	a, err := s.client.call(ctx, http.MethodGet, path, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	body, err := s.order(a, id)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", path, err)
	}
	doc := &foreign.Document{ID: id, Body: body}
	switch {
	case s.rest.Condition == nil:
	case s.rest.Condition.Header != "":
		doc.Version = a.header.Get("ETag")
	default:
		v, err := s.exprs.version.Value(body)
		if err != nil {
			return nil, fmt.Errorf("GET %s: version: %w", path, err)
		}
		doc.Version = text(v)
	}
	return doc, nil
}

// order is the order in an answer, which must be the one with the id.
func (s *System) order(a *answer, id string) (map[string]any, error) {
	body, err := s.document(a)
	if err != nil {
		return nil, err
	}
	if got, err := s.idOf(body); err != nil || got != id {
		return nil, errors.New("the answer is not the order that was asked for")
	}
	return body, nil
}

// document is the order in an answer.
func (s *System) document(a *answer) (map[string]any, error) {
	v := a.body
	if s.exprs.document != nil {
		var err error
		if v, err = s.exprs.document.Value(a.body); err != nil {
			return nil, err
		}
	}
	body, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the answer has no order")
	}
	return body, nil
}

// Create implements foreign.System. The reference is part of the edit.
func (s *System) Create(ctx context.Context, reference uuid.UUID, edit *foreign.Edit) (string, error) {
	c := s.rest.Create
	a, err := s.client.call(ctx, c.Method, c.Path, nil, nil, edit.Body)
	if err != nil {
		return "", s.unlessGone(err)
	}
	body, err := s.document(a)
	if err != nil {
		return "", fmt.Errorf("create order %s: %w", reference, err)
	}
	id, err := s.idOf(body)
	if err != nil {
		return "", fmt.Errorf("create order %s: %w", reference, err)
	}
	return id, s.act(ctx, id, edit.Actions, 1)
}

// unlessGone keeps a missing collection from being taken for a missing order.
func (s *System) unlessGone(err error) error {
	if errors.Is(err, foreign.ErrGone) {
		return errors.New("the system takes no new orders: it says that there is no such thing")
	}
	return err
}

// Update implements foreign.System.
func (s *System) Update(ctx context.Context, was *foreign.Document, edit *foreign.Edit) error {
	before := 0
	if len(edit.Body) > 0 {
		body, header := maps.Clone(edit.Body), http.Header{}
		if k := s.rest.Condition; k != nil {
			if was.Version == "" {
				return fmt.Errorf("update order %s: it was read without the version that the system needs", was.ID)
			}
			if k.Header != "" {
				header.Set(k.Header, was.Version)
			} else {
				body[k.Member] = was.Version
			}
		}
		path := fillID(s.rest.Update.Path, was.ID)
		a, err := s.client.call(ctx, s.rest.Update.Method, path, nil, header, body)
		if err != nil {
			return err
		}
		if _, err := s.order(a, was.ID); err != nil {
			return fmt.Errorf("%s %s: %w", s.rest.Update.Method, path, err)
		}
		before = 1
	}
	return s.act(ctx, was.ID, edit.Actions, before)
}

// act makes the requests of actions, after a number of others of the same write.
func (s *System) act(ctx context.Context, id string, actions []string, before int) error {
	for i, name := range actions {
		call, ok := s.rest.Actions[name]
		if !ok {
			return foreign.Refused("", "the profile does not say how %s is done", name)
		}
		var body any
		if call.Body != nil {
			body = call.Body
		}
		if _, err := s.client.call(ctx, call.Method, fillID(call.Path, id), nil, nil, body); err != nil {
			if before+i > 0 {
				return &foreign.HalfDone{Err: err}
			}
			return err
		}
	}
	return nil
}

// Now implements foreign.System: the time in the header of an answer to a short list.
func (s *System) Now(ctx context.Context) (time.Time, error) {
	query := url.Values{s.rest.Paging.Size: {"1"}}
	a, err := s.client.call(ctx, http.MethodGet, s.rest.All.Path, query, nil, nil)
	if err != nil {
		return time.Time{}, err
	}
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("the system's answers have no Date")
	}
	return at, nil
}

// Traits implements foreign.System.
func (s *System) Traits() foreign.Traits {
	return foreign.Traits{
		Name: s.mapping.Name(), Conditional: s.rest.Condition != nil, Resolution: s.rest.Changed.Resolution, Late: s.rest.Traits.Late,
		LongestRequest: s.rest.Traits.LongestRequest, Concurrency: s.client.atOnce,
	}
}

// Link implements foreign.System.
func (s *System) Link(id string) string {
	if s.rest.Link == "" {
		return ""
	}
	at := *s.client.base
	at.Path = strings.TrimSuffix(at.Path, s.rest.Base)
	return strings.TrimSuffix(at.String(), "/") + fillID(s.rest.Link, id)
}

// Quota implements foreign.System.
func (s *System) Quota() (left int, ok bool) {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.client.left, s.client.known
}

func fillID(path, id string) string { return strings.ReplaceAll(path, "{id}", url.PathEscape(id)) }

var _ foreign.System = (*System)(nil)
