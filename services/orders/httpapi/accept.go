package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

// Batches keeps the batches that are worked on later.
type Batches interface {
	// Accept keeps a batch, unless openMax of the same role and peer are open already (TooMany). One that
	// is kept already and open is not kept twice; the id is that of the one kept.
	Accept(ctx context.Context, a *orders.Accepted, pieces []orders.Piece, openMax int) (uuid.UUID, error)
	// Accepted finds a batch that a role's token sent, for a peer or, where none is given, for any.
	Accepted(ctx context.Context, id uuid.UUID, role, peer string) (*orders.Accepted, error)
	// PieceAnswers are the answers to a piece, nil when it was not applied.
	PieceAnswers(ctx context.Context, id uuid.UUID, number int) ([]byte, error)
	// Claim takes the next piece that no other worker holds, for as long as the lease; nil when there
	// is none. Settle keeps what became of it; FailBatch gives it up, with those that follow.
	Claim(ctx context.Context, worker string, lease time.Duration) (*orders.Piece, error)
	Settle(ctx context.Context, p *orders.Piece, o orders.PieceOutcome) error
	FailBatch(ctx context.Context, id uuid.UUID, failure string) error
	// Release gives back what a worker holds.
	Release(ctx context.Context, worker string) error
}

const (
	pathBatches = "/orders/transactions/batches/"
	// largeMax is how many large bodies are held in memory at once.
	largeMax = 2
	// BatchTrust is how long an accepted batch is remembered after its end.
	BatchTrust = 24 * time.Hour
)

// preferences reads the Prefer header (RFC 7240).
func preferences(r *http.Request) (minimal, async bool) {
	for _, line := range r.Header.Values("Prefer") {
		for one := range strings.SplitSeq(line, ",") {
			token, _, _ := strings.Cut(one, ";")
			switch strings.ToLower(strings.TrimSpace(token)) {
			case "return=minimal":
				minimal = true
			case "respond-async":
				async = true
			}
		}
	}
	return minimal, async
}

// readBatch reads a body, which may be large: beyond what is answered at once it takes one of a few
// places, that done gives back.
func (a *API) readBatch(r *http.Request, bytesMax int64) (raw []byte, done func(), err error) {
	done = func() {}
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= bytesMax {
		b.Grow(int(n) + bytes.MinRead)
	}
	_, err = io.CopyN(&b, r.Body, bytesMax+1)
	if errors.Is(err, io.EOF) {
		return b.Bytes(), done, nil
	}
	if err == nil {
		select {
		case a.large <- struct{}{}:
			done = func() { <-a.large }
		default:
			return nil, done, orders.Errorf(orders.TooMany, "other large batches are being read; send it again")
		}
		if n := r.ContentLength; n > bytesMax && n <= contracts.AcceptedBytesMax {
			b.Grow(int(n) + bytes.MinRead - b.Len())
		}
		_, err = io.Copy(&b, r.Body)
	}
	if err != nil {
		return nil, done, asMalformed(err)
	}
	return b.Bytes(), done, nil
}

// accept keeps a batch to be worked on later. Its entries have been read once, so what can be wrong
// with it as a whole is told now.
func (a *API) accept(w http.ResponseWriter, r *http.Request, side string, raw []byte, entries [][]byte, preferred bool) {
	hash := sha256.Sum256(raw)
	id, err := uuid.NewV7()
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	role := string(RoleOf(r.Context()))
	id, err = a.batches.Accept(r.Context(), &orders.Accepted{
		ID: id, Role: role, Peer: side, RequestID: RequestID(r.Context()), Hash: hash[:],
	}, piecesOf(side, entries), contracts.AcceptedOpenMax)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	select {
	case a.wake <- struct{}{}:
	default: // the worker is awake
	}
	kept, err := a.batches.Accepted(r.Context(), id, role, side)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	w.Header().Set("Location", pathBatches+id.String())
	w.Header().Set("Retry-After", "1")
	if preferred {
		w.Header().Set("Preference-Applied", "respond-async")
	}
	a.answer(w, r, WriteJSON(w, http.StatusAccepted, acceptedView(kept)))
}

// piecesOf cuts a batch into such as would be answered at once.
func piecesOf(side string, entries [][]byte) []orders.Piece {
	var out []orders.Piece
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && n < contracts.BatchEntriesMax && (n == 0 || size+len(entries[n]) <= contracts.BatchBytesMax) {
			size += len(entries[n]) + 1
			n++
		}
		body := make([]byte, 0, size+64)
		body = append(body, `{"side":"`+side+`","entries":[`...) // the name of a peer needs no quoting
		body = append(body, bytes.Join(entries[:n], []byte{','})...)
		out = append(out, orders.Piece{Entries: n, Body: append(body, ']', '}')})
		entries = entries[n:]
	}
	return out
}

// acceptedOut is contracts.Accepted with the answers as the bytes that were stored.
type acceptedOut struct {
	contracts.Accepted
	Answers jsontext.Value `json:"answers,omitzero"`
}

func acceptedView(b *orders.Accepted) *acceptedOut {
	v := contracts.Accepted{
		ID: b.ID.String(), Side: b.Peer, Entries: int64(b.Entries), Settled: int64(b.Settled), Collided: int64(b.Collided),
		Refused: int64(b.Refused), AcceptedAt: b.AcceptedAt.UTC(), Failure: b.Failure,
	}
	switch {
	case b.Failure != "":
		v.State = "failed"
	case !b.EndedAt.IsZero():
		v.State = "done"
	case b.Started:
		v.State = "running"
	default:
		v.State = "accepted"
	}
	if !b.EndedAt.IsZero() {
		ended := b.EndedAt.UTC()
		v.EndedAt = &ended
	}
	return &acceptedOut{Accepted: v}
}

// getAccepted tells what has become of an accepted batch, and once it has ended a page of the answers.
func (a *API) getAccepted(w http.ResponseWriter, r *http.Request) {
	q := NewQuery(r)
	page := 1
	if text := q.Text("page"); text != "" {
		var err error
		if page, err = strconv.Atoi(text); err != nil || page < 1 || page > contracts.AcceptedEntriesMax {
			q.Fault("page", "must be what the last page's link gave")
		}
	}
	if err := q.Err(); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	id, err := PathID(r, "batch")
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	c := CallerOf(r.Context())
	b, err := a.batches.Accepted(r.Context(), id, string(c.Role), c.Side)
	if err != nil {
		Fail(w, r, a.log, err)
		return
	}
	out := acceptedView(b)
	if b.EndedAt.IsZero() {
		w.Header().Set("Retry-After", "1")
		a.answer(w, r, WriteJSON(w, http.StatusOK, out))
		return
	}
	if out.Answers, err = a.batches.PieceAnswers(r.Context(), id, page); err != nil {
		Fail(w, r, a.log, err)
		return
	}
	if out.Answers != nil && page < b.Pieces {
		out.Next = NextPage(w, r, "page", strconv.Itoa(page+1))
	}
	a.answer(w, r, WriteJSON(w, http.StatusOK, out))
}
