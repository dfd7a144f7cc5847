package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/ordersync"
)

// Service is what the API needs of the service.
type Service interface {
	Create(ctx context.Context, by orders.By, o *contracts.Order, key *orders.IdempotencyKey) (*orders.Stored, bool, error)
	Get(ctx context.Context, id uuid.UUID) (*orders.Stored, error)
	List(ctx context.Context, q orders.Query) ([]*orders.Stored, *orders.Place, error)
	Put(ctx context.Context, by orders.By, id uuid.UUID, o *contracts.Order, cond orders.Condition) (*orders.Stored, bool, error)
	Patch(ctx context.Context, by orders.By, id uuid.UUID, patch []byte, cond orders.Condition) (*orders.Stored, error)
	Delete(ctx context.Context, by orders.By, id uuid.UUID, cond orders.Condition) error
	Receive(ctx context.Context, by orders.By, peer string, in []orders.Received) ([]orders.Present, error)
	ReceiveUnmoved(ctx context.Context, by orders.By, peer string, in []orders.Received, seen orders.Cursor) ([]orders.Present, error)
	Lookup(ctx context.Context, peer string, ids []uuid.UUID, all bool, bytesMax int) ([]orders.Present, []uuid.UUID, error)
	Ranges(ctx context.Context, q orders.RangeQuery) ([]orders.Range, int64, error)
	Heads(ctx context.Context, from, to uuid.UUID, limit int) ([]*orders.Stored, error)
	Transactions(ctx context.Context, q orders.LogQuery) (*orders.LogPage, error)
	LogEnd(ctx context.Context) (int64, error)
	Name() string
	Peers() []string
	Sides() []string
	HasPeer(name string) bool
}

func (a *API) createOrder(w http.ResponseWriter, r *http.Request) {
	raw, err := readBody(r)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	o, err := orders.ReadOrder(raw)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	key, err := idempotencyKey(r, raw)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	st, replayed, err := a.service.Create(r.Context(), ByOf(r), o, key)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	w.Header().Set("Location", "/orders/"+st.ID.String())
	a.answer(w, r, WriteOrder(w, http.StatusCreated, st))
}

// answer logs what went wrong while an answer was made; before that nothing has been sent.
func (a *API) answer(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		Fail(w, r, a.log, err)
	}
}

// idempotencyKey reads the Idempotency-Key header; a client's key stands for one body.
func idempotencyKey(r *http.Request, body []byte) (*orders.IdempotencyKey, error) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return nil, nil
	}
	if len(key) > contracts.IdempotencyKeyMax || strings.ContainsFunc(key, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
		return nil, &contracts.Problem{
			Status: http.StatusBadRequest,
			Detail: fmt.Sprintf("the Idempotency-Key header must have 1 to %d printable ASCII characters", contracts.IdempotencyKeyMax),
		}
	}
	sum := sha256.Sum256(body)
	return &orders.IdempotencyKey{Client: CallerOf(r.Context()).Actor, Key: key, RequestHash: hex.EncodeToString(sum[:])}, nil
}

func (a *API) getOrder(w http.ResponseWriter, r *http.Request) {
	id, err := PathID(r, "order")
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	st, err := a.service.Get(r.Context(), id)
	if err == nil && st.Head.Deleted {
		err = orders.Errorf(orders.Gone, "order %s was deleted", id)
	}
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, WriteOrder(w, http.StatusOK, st))
}

func (a *API) listOrders(w http.ResponseWriter, r *http.Request) {
	q := NewQuery(r)
	query := orders.Query{
		Limit: q.Limit(), Status: q.Text("status"), Search: strings.TrimSpace(q.Text("search")),
		OrderNumber: q.Line("orderNumber", contracts.OrderNumberMax), ExternalRef: q.Line("externalRef", contracts.ExternalRefMax),
		ChangedBy: q.Text("changedBy"), ChangedFrom: q.Time("changedFrom"), ChangedTo: q.Time("changedTo"),
	}
	switch sort := q.Text("sort"); {
	case sort != "" && !slices.Contains(contracts.Sorts, sort):
		q.Fault("sort", "must be one of "+strings.Join(contracts.Sorts, ", "))
	case sort == contracts.SortPlaced && (query.ByPeople() || query.ByTime()):
		q.Fault("sort", "must be changed, or absent, together with changedBy, changedFrom and changedTo")
	default:
		query.Changed = sort == contracts.SortChanged
	}
	query.After = q.place("cursor", query.ByChange())
	if utf8.RuneCountInString(query.Search) > contracts.SearchMax || strings.ContainsRune(query.Search, 0) || !utf8.ValidString(query.Search) {
		q.Fault("search", fmt.Sprintf("must be a text of at most %d characters", contracts.SearchMax))
	}
	if query.Status != "" && !slices.Contains(contracts.OrderStatuses, contracts.OrderStatus(query.Status)) {
		q.Fault("status", "is no status of an order")
	}
	if s := q.Text("state"); s != "" {
		var ok bool
		if query.State, ok = ordersync.ParseState(s); !ok {
			q.Fault("state", "is no state of an order")
		}
	}
	switch q.Text("deleted") {
	case "", "false":
	case "true":
		query.Deleted = true
	default:
		q.Fault("deleted", "must be true or false")
	}
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	query.Limit++ // one more tells whether there is a next page
	list, ended, err := a.service.List(r.Context(), query)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	page := struct {
		Orders []jsontext.Value `json:"orders"`
		Next   string           `json:"next,omitzero"`
	}{}
	if len(list) == query.Limit {
		list = list[:query.Limit-1]
		last := list[len(list)-1]
		ended = &orders.Place{At: last.PlacedAt, ID: last.ID, Seq: last.Seq}
	}
	if ended != nil {
		page.Next = NextPage(w, r, "cursor", cursorOf(ended, query.ByChange()))
	}
	for _, st := range list {
		v, err := orderView(st)
		if err != nil {
			Fail(w, r, a.log, err)
			return
		}
		page.Orders = append(page.Orders, v)
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, page))
}

// NextPage says where the next page is, in a Link header (RFC 8288), and returns the address: this one
// with another cursor in the parameter of that name.
func NextPage(w http.ResponseWriter, r *http.Request, name, cursor string) string {
	q := r.URL.Query()
	q.Set(name, cursor)
	next := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
	w.Header().Set("Link", "<"+next.String()+`>; rel="next"`)
	return next.String()
}

// Condition reads If-Match and If-None-Match; a change needs one of them, so that nobody overwrites
// what they have not seen.
func Condition(r *http.Request, mayCreate bool) (orders.Condition, error) {
	match, err := IfMatch(r)
	none := r.Header.Get("If-None-Match")
	switch {
	case err != nil:
		return orders.Condition{}, err
	case match != nil && none != "":
		return orders.Condition{}, &contracts.Problem{Status: http.StatusBadRequest, Detail: "If-Match and If-None-Match exclude each other"}
	case none == "*" && mayCreate:
		return orders.Condition{Absent: true}, nil
	case none != "":
		return orders.Condition{}, &contracts.Problem{Status: http.StatusBadRequest, Detail: `If-None-Match can only be "*", and only with PUT`}
	case match != nil:
		return orders.Condition{IfMatch: match}, nil
	}
	return orders.Condition{}, &contracts.Problem{
		Type: contracts.ProblemTypePrefix + "precondition-required", Title: titles["precondition-required"],
		Status: http.StatusPreconditionRequired, Detail: "send If-Match with the ETag of the order that you have seen",
	}
}

func (a *API) putOrder(w http.ResponseWriter, r *http.Request) {
	id, err := PathID(r, "order")
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	cond, err := Condition(r, true)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	raw, err := readBody(r)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	o, err := orders.ReadOrder(raw)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	st, created, err := a.service.Put(r.Context(), ByOf(r), id, o, cond)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		w.Header().Set("Location", "/orders/"+id.String())
	}
	a.answer(w, r, WriteOrder(w, status, st))
}

func (a *API) patchOrder(w http.ResponseWriter, r *http.Request) {
	id, err := PathID(r, "order")
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	cond, err := Condition(r, false)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	patch, err := readBody(r)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	st, err := a.service.Patch(r.Context(), ByOf(r), id, patch, cond)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	a.answer(w, r, WriteOrder(w, http.StatusOK, st))
}

func (a *API) deleteOrder(w http.ResponseWriter, r *http.Request) {
	id, err := PathID(r, "order")
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	cond, err := Condition(r, false)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if err := a.service.Delete(r.Context(), ByOf(r), id, cond); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
