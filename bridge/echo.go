package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"iter"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	echoBytesMin = 4 // of a value that is looked for as a whole
	echoBytes    = 8 // of the pieces that a longer one is looked for by
	// echoBegins is how much of a request is looked for in base64: more than what all of them begin with.
	echoBegins = 128
)

// pieces are what a text is made of: all its parts of echoBytesMin to echoBytes bytes.
type pieces map[string]bool

// piecesOf reads a text as it is, and with its escapes undone once and twice, since what was sent has
// escapes of its own.
func piecesOf(text, without string) pieces {
	p := pieces{}
	for range 3 {
		s := strings.ReplaceAll(text, without, "\n")
		for n := echoBytesMin; n <= echoBytes; n++ {
			for i := 0; i+n <= len(s); i++ {
				p[s[i:i+n]] = true
			}
		}
		plain := unescape(text)
		if plain == text {
			break
		}
		text = plain
	}
	return p
}

// repeat tells whether the text has something of the token or of the request's values, or of either in base64.
func (p pieces) repeat(token, request []byte) bool {
	for i := range min(echoBytes, len(token)) { // at every offset: there is little of it, and it is no word
		if p.have(token[i:]) {
			return true
		}
	}
	for _, secret := range [][]byte{token, request[:min(len(request), echoBegins)]} {
		for i := range min(3, len(secret)) { // three bytes become four characters, counted from anywhere
			whole := secret[i : len(secret)-(len(secret)-i)%3]
			if p.have([]byte(base64.RawStdEncoding.EncodeToString(whole))) {
				return true
			}
		}
	}
	for value := range values(request) {
		if !isTime(value) && p.have(value) {
			return true
		}
	}
	return false
}

// isTime tells times from texts: many pages name the day.
func isTime(value []byte) bool {
	if len(value) <= len(time.DateOnly) || value[len(time.DateOnly)] != 'T' {
		return false
	}
	_, err := time.Parse(time.RFC3339, string(value))
	return err == nil
}

// have tells whether the text holds a value, or of a long one any piece, cut from its beginning on or at its end.
func (p pieces) have(value []byte) bool {
	for len(value) > echoBytes {
		if p[string(value[:echoBytes])] {
			return true
		}
		value = value[min(echoBytes, len(value)-echoBytes):]
	}
	return p[string(value)] // a shorter one than echoBytesMin is in no map
}

// values are the strings of a JSON text that are not names of fields. It is not parsed: a request may have
// many megabytes.
func values(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for {
			_, rest, found := bytes.Cut(data, []byte(`"`))
			end := 0
			for end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			if !found || end >= len(rest) {
				return
			}
			value := rest[:end]
			data = rest[end+1:]
			if bytes.HasPrefix(data, []byte(":")) {
				continue
			}
			if bytes.IndexByte(value, '\\') >= 0 {
				value = []byte(unquote(string(value)))
			}
			if !yield(value) {
				return
			}
		}
	}
}

var (
	quoted  = regexp.MustCompile(`(?:\\u[[:xdigit:]]{4}|\\["\\/bfnrt])+`)
	percent = regexp.MustCompile(`(?:%[[:xdigit:]]{2})+`)
)

// unescape undoes the escapes of addresses and forms, HTML and JSON, wherever a text has some.
func unescape(s string) string {
	s = unquote(html.UnescapeString(strings.ReplaceAll(s, "+", " ")))
	return percent.ReplaceAllStringFunc(s, func(escaped string) string {
		plain, _ := url.PathUnescape(escaped) // the pattern lets nothing else through
		return plain
	})
}

// unquote undoes the escapes of JSON.
func unquote(s string) string {
	return quoted.ReplaceAllStringFunc(s, func(escaped string) string {
		var plain string
		_ = json.Unmarshal([]byte(`"`+escaped+`"`), &plain) // the pattern lets nothing else through
		return plain
	})
}
