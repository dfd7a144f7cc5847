package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/contracts/strictjson"
	"github.com/orderbridge/orderbridge/services/orders"
)

// isMedia reports whether a Content-Type is a media type, in UTF-8.
func isMedia(contentType, wanted string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	return err == nil && media == wanted && (charset == "" || charset == "utf-8")
}

// isPlain reports whether Content-Encoding headers name no encoding. identity is none (RFC 9110, 12.5.3).
func isPlain(encodings []string) bool {
	for _, list := range encodings {
		for one := range strings.SplitSeq(list, ",") {
			if one = strings.TrimSpace(one); one != "" && !strings.EqualFold(one, "identity") {
				return false
			}
		}
	}
	return true
}

// readBody reads the whole body, which the route has bounded.
func readBody(r *http.Request) ([]byte, error) {
	var b bytes.Buffer
	if n := r.ContentLength; n > 0 && n < contracts.AnswersBytesMax {
		b.Grow(int(n) + bytes.MinRead)
	}
	if _, err := io.Copy(&b, r.Body); err != nil {
		return nil, asMalformed(err)
	}
	return b.Bytes(), nil
}

// asMalformed takes a body that ends early for the caller's fault, not for ours.
func asMalformed(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded): // a slow line is no fault of what is sent
		return &contracts.Problem{Type: contracts.ProblemTypePrefix + "timeout", Title: titles["timeout"], Status: http.StatusRequestTimeout, Detail: "the body took too long"}
	}
	return &contracts.Problem{Status: http.StatusBadRequest, Detail: "the body ends early"}
}

// ReadJSON reads the body strictly into v.
func ReadJSON(r *http.Request, v any) error {
	b, err := readBody(r)
	if err != nil {
		return err
	}
	if err := strictjson.Decode(b, v); err != nil {
		return err
	}
	return checkTexts(b)
}

// PathID reads the id of the path, in upper or lower case (RFC 9562). The noun says what it is of.
func PathID(r *http.Request, noun string) (uuid.UUID, error) {
	text := chi.URLParam(r, "id")
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.Nil.String()) { // other forms of one are not ids here
		return uuid.Nil, orders.Errorf(orders.NotFound, "there is no such %s", noun)
	}
	return id, nil
}

// Query reads query parameters and remembers what is wrong with them.
type Query struct {
	values map[string][]string
	read   map[string]bool
	faults []contracts.FieldError
}

// NewQuery starts reading the query of a request.
func NewQuery(r *http.Request) *Query {
	return &Query{values: r.URL.Query(), read: map[string]bool{}}
}

// presentable is the name of a parameter, which the sender may have made up, as it can be shown and told on.
func presentable(name string) string {
	const most = 64
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(name, string(utf8.RuneError)))
}

// Text reads a parameter, or an empty text.
func (q *Query) Text(name string) string {
	q.read[name] = true
	v := q.values[name]
	if len(v) > 1 {
		q.Fault(name, "is given twice")
	}
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// Line reads a parameter that is a text of one line, or an empty text.
func (q *Query) Line(name string, most int) string {
	text := q.Text(name)
	if utf8.RuneCountInString(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		q.Fault(name, fmt.Sprintf("must be a text of at most %d characters", most))
	}
	return text
}

// Limit reads the size of a page.
func (q *Query) Limit() int {
	text := q.Text("limit")
	if text == "" {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 500 {
		q.Fault("limit", "must be a number from 1 to 500")
	}
	return n
}

// ID reads a parameter that is an id, or the zero one.
func (q *Query) ID(name string) uuid.UUID {
	text := q.Text(name)
	if text == "" {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	if err != nil {
		q.Fault(name, "must be what the last page's link gave")
	}
	return id
}

// Number reads a parameter that is a number of the log, or 0.
func (q *Query) Number(name string) int64 {
	text := q.Text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		q.Fault(name, "must be what the last page's link gave")
	}
	return n
}

// Time reads a parameter that is a time, or the zero one.
func (q *Query) Time(name string) time.Time {
	text := q.Text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	switch year := t.UTC().Year(); {
	case err != nil:
		q.Fault(name, "must be a time as RFC 3339 writes it")
	case year < contracts.YearMin || year > contracts.YearMax:
		q.Fault(name, fmt.Sprintf("must be in the years %d to %d, in UTC", contracts.YearMin, contracts.YearMax))
	}
	return t
}

// logCursor reads the parameter after, a place in the log; without it the log's beginning.
func (q *Query) logCursor() orders.Cursor {
	text := q.Text("after")
	if text == "" {
		return orders.Cursor{}
	}
	after, ok := orders.ParseCursor(text)
	if !ok {
		q.Fault("after", "must be the cursor of an earlier page")
	}
	return after
}

// seconds reads a parameter that is a whole number of seconds, or 0.
func (q *Query) seconds(name string, most int) time.Duration {
	text := q.Text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		q.Fault(name, fmt.Sprintf("must be a number of seconds from 0 to %d", most))
	}
	return time.Duration(n) * time.Second
}

// Fault remembers that a parameter is wrong.
func (q *Query) Fault(name, detail string) {
	q.faults = append(q.faults, contracts.FieldError{Pointer: "?" + name, Detail: detail})
}

// Err tells what was wrong, unknown parameters included.
func (q *Query) Err() error {
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if !q.read[name] {
			q.Fault(presentable(name), "is not a parameter of this call")
		}
	}
	if q.faults == nil {
		return nil
	}
	q.faults = q.faults[:min(len(q.faults), contracts.FieldErrorsMax)]
	return &contracts.Problem{Status: http.StatusBadRequest, Detail: "the query is wrong: see errors", Errors: q.faults}
}
