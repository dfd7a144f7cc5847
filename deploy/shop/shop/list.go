package shop

import (
	"cmp"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is what a list is asked for.
type query struct {
	page, size, offset int
	orderBy            string
	ascending          bool
	include, exclude   []int64
	statuses           []string // any: all but the trash
	search             string
	gmt                bool
	bounds             []bound
}

// bound is a limit of a time, exclusive. Times are compared as they are written, in the zone or in UTC: where clocks are
// set back an hour comes twice, and the order of what happened in it is lost.
type bound struct {
	modified, after bool
	at              int64 // seconds of what is written
}

// parseQuery reads the parameters of a list.
func (s *Shop) parseQuery(v url.Values) (query, *refusal) {
	f := faults{}
	q := query{page: 1, size: 10, orderBy: cmp.Or(v.Get("orderby"), "date"), search: v.Get("search"), gmt: v.Get("dates_are_gmt") == "true" || v.Get("dates_are_gmt") == "1"}
	number := func(name string, to *int, least, most int) {
		text := v.Get(name)
		if text == "" {
			return
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			f.add(name, "must be between "+strconv.Itoa(least)+" and "+strconv.Itoa(most)+".")
			return
		}
		*to = n
	}
	number("page", &q.page, 1, 1<<30)
	number("per_page", &q.size, 1, 100)
	number("offset", &q.offset, 0, 1<<30)
	if !slices.Contains([]string{"date", "modified", "id", "include", "title", "slug"}, q.orderBy) {
		f.add("orderby", "is not one of date, modified, id, include, title, slug.")
	}
	switch cmp.Or(v.Get("order"), "desc") {
	case "asc":
		q.ascending = true
	case "desc":
	default:
		f.add("order", "is not one of asc, desc.")
	}
	q.include, q.exclude = f.ids(v, "include"), f.ids(v, "exclude")
	q.statuses = values(v, "status")
	for _, status := range q.statuses {
		if status != "any" && status != "trash" && !slices.Contains(s.statuses(), status) {
			f.add("status", "is not one of any, trash, "+strings.Join(s.statuses(), ", ")+".")
		}
	}
	if len(q.statuses) == 0 {
		q.statuses = []string{"any"}
	}
	for name, b := range map[string]bound{"after": {after: true}, "before": {}, "modified_after": {modified: true, after: true}, "modified_before": {modified: true}} {
		text := v.Get(name)
		if text == "" {
			continue
		}
		t, err := s.parseTime(text)
		if err != nil {
			f.add(name, "is not a valid date.")
			continue
		}
		b.at = t.Unix()
		q.bounds = append(q.bounds, b)
	}
	return q, f.refusal()
}

// values are those of a parameter that may be a list, with commas or repeated.
func values(v url.Values, name string) (out []string) {
	for _, key := range []string{name, name + "[]"} {
		for _, text := range v[key] {
			for part := range strings.SplitSeq(text, ",") {
				if part = strings.TrimSpace(part); part != "" {
					out = append(out, part)
				}
			}
		}
	}
	return out
}

func (f faults) ids(v url.Values, name string) (out []int64) {
	for _, text := range values(v, name) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			f.add(name, "is not a list of integers.")
			continue
		}
		out = append(out, n)
	}
	return out
}

// parseTime reads a time as the real one does: one without zone is taken as it stands, and one with a zone is moved
// into the shop's, even where it is compared with UTC.
func (s *Shop) parseTime(text string) (time.Time, error) {
	for _, layout := range []string{zoneless, time.DateOnly, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	return written(t.In(s.opts.Zone)), err
}

// written is the time in UTC that is written as t is in its zone.
func written(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// list answers with a page of orders.
func (s *Shop) list(r *http.Request) *answer {
	values := r.URL.Query()
	q, refusal := s.parseQuery(values)
	if refusal != nil {
		return refusal.answer()
	}
	if s.opts.Drift && q.page > 1 {
		if err := s.drift(q); err != nil {
			return storeFailed(err)
		}
	}
	found := s.find(q)
	pages := (len(found) + q.size - 1) / q.size
	page := q.page
	if s.opts.RepeatLastPage && page > pages {
		page = max(1, pages)
	}
	from := (page-1)*q.size + q.offset
	if s.opts.Duplicates && page > 1 && from > 0 && from < len(found) {
		from--
	}
	to := min((page-1)*q.size+q.offset+q.size, len(found))
	documents := make([]any, 0, q.size)
	for i := from; i < to; i++ {
		documents = append(documents, s.asked(found[i], values))
	}
	a := jsonAnswer(http.StatusOK, documents)
	a.header.Set("X-WP-Total", strconv.Itoa(len(found)))
	a.header.Set("X-WP-TotalPages", strconv.Itoa(pages))
	link := func(page int, rel string) {
		values.Set("page", strconv.Itoa(page))
		a.header.Add("Link", "<http://"+r.Host+ordersPath+"?"+values.Encode()+`>; rel="`+rel+`"`)
	}
	if q.page > 1 {
		link(min(q.page-1, max(1, pages)), "prev")
	}
	if q.page < pages {
		link(q.page+1, "next")
	}
	return a
}

// drift touches the order that was modified longest ago: in a list by that date it moves from one end to the other.
func (s *Shop) drift(q query) error {
	all := s.find(q)
	if len(all) == 0 {
		return nil
	}
	at := len(all) - 1
	if q.ascending {
		at = 0
	}
	return s.touch(s.orders[all[at].ID])
}

// find is what a list has on all its pages, in its order.
func (s *Shop) find(q query) []*Order {
	var out []*Order
	if q.orderBy == "modified" && s.opts.ListedAfter == 0 {
		for _, o := range s.byModified() {
			if s.matches(o, &q) {
				out = append(out, o)
			}
		}
	} else {
		now := s.opts.Now()
		for _, st := range s.all {
			if o := s.listed(st, now); o != nil && s.matches(o, &q) {
				out = append(out, o)
			}
		}
	}
	switch {
	case s.opts.Unsorted:
		slices.SortFunc(out, func(a, b *Order) int { return cmp.Compare(scramble(a.ID), scramble(b.ID)) })
		return out
	case q.orderBy == "include" && len(q.include) > 0:
		slices.SortFunc(out, func(a, b *Order) int {
			return cmp.Compare(slices.Index(q.include, a.ID), slices.Index(q.include, b.ID))
		})
		return out
	case q.orderBy == "modified" && s.opts.ListedAfter > 0:
		slices.SortFunc(out, modifiedOrder)
	case q.orderBy == "date":
		slices.SortFunc(out, func(a, b *Order) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	}
	if !q.ascending {
		slices.Reverse(out)
	}
	return out
}

func modifiedOrder(a, b *Order) int {
	return cmp.Or(a.Modified.Compare(b.Modified), cmp.Compare(a.ID, b.ID))
}

// byModified sorts all orders once and not for each page: a shop of a hundred thousand is listed by a thousand pages.
func (s *Shop) byModified() []*Order {
	if s.sorted == nil {
		s.sorted = make([]*Order, 0, len(s.all))
		for _, st := range s.all {
			s.sorted = append(s.sorted, st.order)
		}
		slices.SortFunc(s.sorted, modifiedOrder)
	}
	return s.sorted
}

func scramble(id int64) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt(nil, id, 10)) // a hash takes all
	return h.Sum32()
}

func (s *Shop) matches(o *Order, q *query) bool {
	for _, b := range q.bounds {
		t := o.Created
		if b.modified {
			t = o.Modified
		}
		if !q.gmt {
			t = written(t.In(s.opts.Zone))
		}
		if at := t.Unix(); b.after && at <= b.at || !b.after && at >= b.at {
			return false
		}
	}
	if slices.Contains(q.statuses, "any") {
		if o.Status == "trash" {
			return false
		}
	} else if !slices.Contains(q.statuses, o.Status) {
		return false
	}
	if len(q.include) > 0 && !slices.Contains(q.include, o.ID) || slices.Contains(q.exclude, o.ID) {
		return false
	}
	return q.search == "" || contains(o, strings.ToLower(q.search), s.opts.SearchMeta)
}

// contains reports whether a search for a text finds an order: by its id or transaction, in its addresses, or in the
// names of its lines; with meta also in the texts of its meta_data.
func contains(o *Order, text string, meta bool) bool {
	if strconv.FormatInt(o.ID, 10) == text {
		return true
	}
	has := func(in ...string) bool { return strings.Contains(strings.ToLower(strings.Join(in, " ")), text) }
	address := func(a *Address) bool {
		return has(a.FirstName, a.LastName, a.Company, a.Address1, a.Address2, a.City, a.State, a.Postcode, a.Country, a.Email, a.Phone)
	}
	if address(&o.Billing) || address(&o.Shipping) || has(o.TransactionID) {
		return true
	}
	for i := range o.Lines {
		if has(o.Lines[i].Name) {
			return true
		}
	}
	if meta {
		for _, m := range o.Meta {
			if v, ok := m.Value.(string); ok && has(v) {
				return true
			}
		}
	}
	return false
}
