package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/orderbridge/orderbridge/contracts"
)

// What is said of a field. A detail completes "<pointer> …" and never repeats a value.
const (
	appearsTwice = "appears twice"
	unknownField = "is not a known field; names are case-sensitive"
	notInteger   = "must be an integer"
	notNull      = "must not be null; leave the field out instead"
	trailingData = "must be one JSON value with nothing after it"
)

// pointerLengthMax cuts pointers short, as names in them may be made up by the sender.
const pointerLengthMax = 256

func malformed(pointer, detail string) *contracts.Problem {
	return &contracts.Problem{
		Type:   "/problems/malformed",
		Title:  "The request cannot be read",
		Status: http.StatusBadRequest,
		Errors: []contracts.FieldError{{Pointer: presentable(pointer), Detail: detail}},
	}
}

func tooDeep() *contracts.Problem {
	return malformed("", fmt.Sprintf("is nested deeper than %d levels", contracts.DepthMax))
}

func tooMany(entriesMax int) *contracts.Problem {
	return &contracts.Problem{
		Type:   "/problems/too-large",
		Title:  "Too large",
		Status: http.StatusRequestEntityTooLarge,
		Errors: []contracts.FieldError{{Pointer: "/entries", Detail: fmt.Sprintf("must not hold more than %d entries", entriesMax)}},
	}
}

// presentable keeps a pointer short and printable.
func presentable(pointer string) string {
	if len(pointer) > pointerLengthMax {
		pointer = strings.ToValidUTF8(pointer[:pointerLengthMax], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, pointer)
}

// explain says in the sender's words what the JSON library found wrong in data.
func explain(data []byte, err error) *contracts.Problem {
	if deeperThan(contracts.DepthMax, data) {
		return tooDeep()
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return malformed(string(e.JSONPointer), syntaxFault(data, e))
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return malformed(string(e.JSONPointer), typeFault(e))
	}
	return malformed("", syntaxFault(data, &jsontext.SyntacticError{Err: err}))
}

var byteOrderMark = []byte("\uFEFF")

func syntaxFault(data []byte, e *jsontext.SyntacticError) string {
	switch {
	case errors.Is(e, jsontext.ErrDuplicateName):
		return appearsTwice
	case bytes.HasPrefix(data, byteOrderMark):
		return "must not begin with a byte order mark"
	case len(bytes.TrimSpace(data)) == 0:
		return "must not be empty"
	case !utf8.Valid(data):
		return "is not valid UTF-8"
	case errors.Is(e, io.EOF), errors.Is(e, io.ErrUnexpectedEOF):
		return "ends too early"
	case e.JSONPointer == "" && startsWithValue(data):
		return trailingData
	}
	return "is not well-formed JSON at byte " + strconv.FormatInt(e.ByteOffset, 10)
}

func startsWithValue(data []byte) bool {
	_, err := jsontext.NewDecoder(bytes.NewReader(data)).ReadValue()
	return err == nil
}

func typeFault(e *json.SemanticError) string {
	if errors.Is(e, json.ErrUnknownName) {
		return unknownField
	}
	t := e.GoType
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "is not what belongs here"
	}
	if t == reflect.TypeFor[time.Time]() {
		return "must be a time such as 2026-11-21T08:30:00Z"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		if errors.Is(e, strconv.ErrRange) {
			return fmt.Sprintf("must be an integer of at most %d", int64(contracts.MinorMax))
		}
		return notInteger
	case reflect.Float64:
		return "must be a number"
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Slice:
		return "must be an array"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	}
	return "is not what belongs here"
}
