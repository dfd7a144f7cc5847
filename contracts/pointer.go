package contracts

import (
	"strconv"
	"strings"
)

// JSON pointers (RFC 6901) name fields in problem documents, cases, rules and picks.

var (
	pointerEscaper   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

// PointerToken returns a name as one token of a pointer.
func PointerToken(name string) string { return pointerEscaper.Replace(name) }

// PointerTokens returns the names that a pointer is made of; none for the whole document.
func PointerTokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range tokens {
		tokens[i] = pointerUnescaper.Replace(token)
	}
	return tokens
}

// ValueAt returns the value at a pointer in a decoded JSON document; nil where there is none.
func ValueAt(document any, pointer string) any {
	for _, name := range PointerTokens(pointer) {
		switch within := document.(type) {
		case map[string]any:
			document = within[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(within) {
				return nil
			}
			document = within[i]
		default:
			return nil
		}
	}
	return document
}
