package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
)

const (
	// passesMax is how often a list is read from its beginning because it got shorter while it was read.
	passesMax = 5
	// pagesMax ends a list that never does.
	pagesMax = 100_000
)

// errShorter is a list that lost an order while its pages were read: one may have moved to a page that was read before.
var errShorter = errors.New("the list got shorter while it was read")

// Changed implements foreign.System. The end of the window is left to the caller: a list that orders leave while it
// is read loses others between its pages.
func (s *System) Changed(ctx context.Context, from, until time.Time, yield func(foreign.Candidate) error) error {
	c := s.rest.Changed
	if !c.Inclusive {
		from = from.Add(-c.Resolution)
	}
	first, err := profile.FormatTime(from.Truncate(c.Resolution), c.Layout, c.Zone)
	if err != nil {
		return err
	}
	last, err := profile.FormatTime(until.Add(c.Resolution), c.Layout, c.Zone)
	if err != nil {
		return err
	}
	return s.list(ctx, c.List, map[string]string{"from": first, "until": last}, func(item any) error {
		candidate, err := s.candidate(item)
		if err != nil {
			return err
		}
		return yield(candidate)
	})
}

// Find implements foreign.System. The list may be of more than what is looked for: only an order that carries the
// reference counts.
func (s *System) Find(ctx context.Context, reference uuid.UUID) ([]string, error) {
	f := s.rest.Find
	since, err := profile.FormatTime(s.client.now().Add(s.client.skew()-f.Window), f.Layout, f.Zone)
	if err != nil {
		return nil, err
	}
	var ids []string
	err = s.list(ctx, f.List, map[string]string{"reference": reference.String(), "since": since}, func(item any) error {
		c, err := s.candidate(item)
		if err != nil {
			return err
		}
		body, _ := item.(map[string]any)
		if id, ok := s.mapping.Reference(&foreign.Document{ID: c.ID, Body: body}); ok && id == reference {
			ids = append(ids, c.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// list reads all pages and calls yield with each order once. A list that gets shorter is read again.
func (s *System) list(ctx context.Context, l profile.List, values map[string]string, yield func(item any) error) error {
	seen := map[string]bool{}
	for range passesMax {
		if err := s.pass(ctx, l, values, seen, yield); !errors.Is(err, errShorter) {
			return err
		}
	}
	return fmt.Errorf("GET %s: %w, %d times", l.Path, errShorter, passesMax)
}

// pass reads the pages of a list once. It ends at a page without any order that this pass has not seen, which some
// systems repeat without end, and at the number of orders that the system says there are.
func (s *System) pass(ctx context.Context, l profile.List, values map[string]string, seen map[string]bool, yield func(any) error) error {
	here := map[string]bool{}
	total := -1
	next := s.firstPage(l, values)
	for range pagesMax {
		a, err := s.client.call(ctx, http.MethodGet, next.path, next.query, nil, nil)
		if err != nil {
			return err
		}
		items, err := s.items(a)
		if err != nil {
			return fmt.Errorf("GET %s: %w", l.Path, err)
		}
		fresh := 0
		for _, item := range items {
			id, err := s.idOf(item)
			if err != nil {
				return fmt.Errorf("GET %s: %w", l.Path, err)
			}
			if !here[id] {
				here[id] = true
				fresh++
			}
			if !seen[id] {
				seen[id] = true
				if err := yield(item); err != nil {
					return err
				}
			}
		}
		if n, err := strconv.Atoi(a.header.Get(s.rest.Paging.Total)); err == nil {
			if n < total {
				return errShorter
			}
			total = n
		}
		if fresh == 0 || total >= 0 && len(here) >= total {
			return nil
		}
		more := next.after(s, a, len(items))
		if more == nil {
			return nil
		}
		next = *more
	}
	return fmt.Errorf("GET %s: the list has no end", l.Path)
}

// page is a request for a page.
type page struct {
	path  string
	query url.Values
	at    int // its number, or its offset
}

func (s *System) firstPage(l profile.List, values map[string]string) page {
	query := url.Values{}
	for name, text := range l.Query {
		query.Set(name, fill(text, values))
	}
	p := s.rest.Paging
	query.Set(p.Size, strconv.Itoa(p.Orders))
	first := page{path: l.Path, query: query}
	if p.By == "page" {
		first.at = 1
		query.Set(p.Param, "1")
	}
	return first
}

// after is the page that follows; nil when there is none. A short page is not the end: some systems filter a page after
// they have cut it.
func (p page) after(s *System, a *answer, items int) *page {
	by := s.rest.Paging
	switch by.By {
	case "page", "offset":
		p.at += 1
		if by.By == "offset" {
			p.at += items - 1
		}
		query := url.Values{}
		for name := range p.query {
			query[name] = p.query[name]
		}
		query.Set(by.Param, strconv.Itoa(p.at))
		return &page{path: p.path, query: query, at: p.at}
	case "cursor":
		v, err := s.exprs.cursor.Value(a.body)
		cursor := text(v)
		if err != nil || cursor == "" {
			return nil
		}
		query := url.Values{}
		for name := range p.query {
			query[name] = p.query[name]
		}
		query.Set(by.Param, cursor)
		return &page{path: p.path, query: query}
	}
	for _, link := range a.header.Values("Link") {
		for part := range strings.SplitSeq(link, ",") {
			target, params, _ := strings.Cut(part, ";")
			target = strings.TrimSpace(target)
			if strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") && strings.HasPrefix(target, "<") && strings.HasSuffix(target, ">") {
				return &page{path: target[1 : len(target)-1]}
			}
		}
	}
	return nil
}

// All implements foreign.System. Where the system lists by offset, each page begins with the last order of the one
// before it, so that an order that went meanwhile moves none past the sweep unseen.
func (s *System) All(ctx context.Context, after string) ([]foreign.Candidate, string, error) {
	if s.rest.All.By == "after" {
		return s.allAfter(ctx, after)
	}
	return s.allByOffset(ctx, after)
}

func (s *System) allAfter(ctx context.Context, after string) ([]foreign.Candidate, string, error) {
	last := after
	if last == "" {
		last = s.rest.All.First
	}
	items, err := s.page(ctx, s.firstPage(s.rest.All.List, map[string]string{"after": last}))
	if err != nil {
		return nil, "", err
	}
	candidates := make([]foreign.Candidate, 0, len(items))
	for _, item := range items {
		c, err := s.candidate(item)
		if err != nil {
			return nil, "", err
		}
		if c.ID != after {
			candidates = append(candidates, c)
		}
	}
	if len(candidates) == 0 {
		return nil, "", nil
	}
	return candidates, candidates[len(candidates)-1].ID, nil
}

func (s *System) allByOffset(ctx context.Context, after string) ([]foreign.Candidate, string, error) {
	at, last := 0, ""
	if after != "" {
		number, id, ok := strings.Cut(after, ":")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 {
			return nil, "", fmt.Errorf("%q is not where a sweep stopped", after)
		}
		at, last = n, id
	}
	size := s.rest.Paging.Orders
	for {
		first := s.firstPage(s.rest.All.List, nil)
		if s.rest.Paging.By == "page" {
			first.query.Del(s.rest.Paging.Param)
		}
		first.query.Set(s.rest.All.Param, strconv.Itoa(at))
		items, err := s.page(ctx, first)
		if err != nil {
			return nil, "", err
		}
		candidates := make([]foreign.Candidate, 0, len(items))
		found := last == "" || at == 0
		for _, item := range items {
			c, err := s.candidate(item)
			if err != nil {
				return nil, "", err
			}
			found = found || c.ID == last
			candidates = append(candidates, c)
		}
		if !found { // orders before it went away: look further ahead
			at = max(at-size/2, 0)
			continue
		}
		if len(candidates) == 0 || candidates[len(candidates)-1].ID == last {
			return candidates, "", nil
		}
		return candidates, strconv.Itoa(at+len(candidates)-1) + ":" + candidates[len(candidates)-1].ID, nil
	}
}

func (s *System) page(ctx context.Context, p page) ([]any, error) {
	a, err := s.client.call(ctx, http.MethodGet, p.path, p.query, nil, nil)
	if err != nil {
		return nil, err
	}
	items, err := s.items(a)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", p.path, err)
	}
	return items, nil
}

// items are the orders of a page. What is no list is an error and not an empty one.
func (s *System) items(a *answer) ([]any, error) {
	if a.empty {
		return nil, nil
	}
	v := a.body
	if s.exprs.items != nil {
		var err error
		if v, err = s.exprs.items.Value(a.body); err != nil {
			return nil, err
		}
	}
	items, ok := v.([]any)
	if !ok {
		return nil, errors.New("the answer has no list of orders")
	}
	return items, nil
}

// candidate is an order as a list shows it.
func (s *System) candidate(item any) (foreign.Candidate, error) {
	id, err := s.idOf(item)
	if err != nil {
		return foreign.Candidate{}, err
	}
	c := foreign.Candidate{ID: id, Modified: s.modifiedOf(item)}
	if body, ok := item.(map[string]any); ok && s.rest.Whole {
		c.Document = &foreign.Document{ID: id, Body: body}
	}
	return c, nil
}

func (s *System) idOf(item any) (string, error) {
	v, err := s.exprs.id.Value(item)
	if id := text(v); err == nil && id != "" {
		return id, nil
	}
	return "", errors.New("the answer has an order without an id")
}

func (s *System) modifiedOf(item any) string {
	if s.exprs.modified == nil {
		return ""
	}
	v, _ := s.exprs.modified.Value(item)
	return text(v)
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// fill puts values into a text with placeholders. One that stands between quotes is written as JSON.
func fill(template string, values map[string]string) string {
	for name, v := range values {
		quoted, err := json.Marshal(v)
		if err != nil {
			panic(err) // a text can be written
		}
		template = strings.ReplaceAll(template, `"{`+name+`}"`, string(quoted))
		template = strings.ReplaceAll(template, `{`+name+`}`, v)
	}
	return template
}
