package httpapi

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
)

const noText = "must be valid UTF-8 without NUL"

// checkAddress refuses a path or a query that holds what no text can: it would fail in the database.
func checkAddress(r *http.Request) error {
	if !contracts.IsText(r.URL.Path) {
		return &contracts.Problem{
			Status: http.StatusBadRequest, Detail: "the path " + noText, Errors: []contracts.FieldError{{Pointer: "path", Detail: noText}},
		}
	}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if _, err := url.ParseQuery(pair); err != nil {
			name, _, _ := strings.Cut(pair, "=")
			return &contracts.Problem{
				Status: http.StatusBadRequest, Detail: "the query cannot be read",
				Errors: []contracts.FieldError{{Pointer: "?" + presentable(name), Detail: "is not well-formed: % begins an escape of two digits, and ; does not separate"}},
			}
		}
	}
	for name, list := range r.URL.Query() {
		if !contracts.IsText(name) {
			name = presentable(name)
		} else if !slices.ContainsFunc(list, func(s string) bool { return !contracts.IsText(s) }) {
			continue
		}
		return &contracts.Problem{
			Status: http.StatusBadRequest, Detail: "a query parameter is wrong", Errors: []contracts.FieldError{{Pointer: "?" + name, Detail: noText}},
		}
	}
	return nil
}

// checkTexts refuses NUL in the texts of a body that was read: JSON can write it, PostgreSQL cannot store it.
func checkTexts(body []byte) error {
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return nil
	}
	in := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		token, err := in.ReadToken()
		if err != nil {
			return nil // the end: the body was read before
		}
		if token.Kind() == '"' && strings.ContainsRune(token.String(), 0) {
			pointer := strings.ReplaceAll(string(in.StackPointer()), "\x00", "\ufffd")
			return &orders.Error{
				Kind: orders.Invalid, Message: "the content is not valid", Fields: []contracts.FieldError{{Pointer: pointer, Detail: noText}},
			}
		}
	}
}
