package bridge

import (
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// escapes are the ways in which a page may repeat what it was sent.
var escapes = map[string]func(string) string{
	"as it is":                func(s string) string { return s },
	"HTML":                    html.EscapeString,
	"JSON":                    strconv.Quote,
	"JSON in ASCII":           strconv.QuoteToASCII,
	"JSON in HTML":            func(s string) string { return html.EscapeString(strconv.Quote(s)) },
	"JSON in JSON":            func(s string) string { return strconv.Quote(strconv.Quote(s)) },
	"JSON that spares nobody": func(s string) string { return everyRune(s, `\u%04x`) },
	"HTML that spares nobody": func(s string) string { return everyRune(s, "&#%d;") },
	"an address":              url.PathEscape,
	"a form":                  url.QueryEscape,
	"base64":                  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64, one byte later":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(" " + s)) },
	"base64, two bytes later": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("  " + s)) },
	"lines of base64":         func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s)), 76) },
	"another layout":          func(s string) string { return strings.NewReplacer(":", ": ", ",", ",\n  ").Replace(s) },
}

func everyRune(s, format string) string {
	var b strings.Builder
	for _, r := range s {
		_, _ = fmt.Fprintf(&b, format, r)
	}
	return b.String()
}

func inLines(s string, length int) string {
	if len(s) <= length {
		return s
	}
	return s[:length] + "\r\n" + inLines(s[length:], length)
}

// saidTo is what is shown of a page that an Orders service would not send, after a request.
func saidTo(t *testing.T, request, page string) string {
	t.Helper()
	c := testClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, page)
	})).URL)
	c.send(t.Context(), remotePut, "r-1", []byte(request), []string{orderID(0)})
	return c.failed.last()[0].Said
}

func TestAnAnswerThatRepeatsTheRequestIsNotShown(t *testing.T) {
	sent := `{"side":"a","entries":[{"itemId":"x","itemURI":"/orders/x","order":{"customer":{"name":"Jo Li","email":"jo@x.cz","phone":"5551234"},` +
		`"customerNote":"He said \"hi\", Jürgen & Öttö","shippingAddress":{"city":"Öttö"}}}]}`
	for name, escape := range escapes {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, saidTo(t, sent, "<h1>Error</h1> "+escape(sent)), "all of the request")
			require.Empty(t, saidTo(t, sent, "<h1>Error</h1> "+escape("Authorization: Bearer "+remoteToken)))
			require.Empty(t, saidTo(t, sent, "<h1>Error</h1> "+escape(remoteToken)))
			if strings.Contains(name, "base64") {
				return // of the request its beginning is looked for
			}
			for _, value := range []string{"Jo Li", "jo@x.cz", "5551234", `He said "hi", Jürgen & Öttö`, "Öttö"} {
				require.Empty(t, saidTo(t, sent, "<h1>Error</h1> not this: "+escape(value)), value)
			}
		})
	}
}

func TestShortValuesWithEscapesAreFound(t *testing.T) {
	sent := `{"name":"J\"oé","city":"A\\B&","phone":"+420 5551234"}`
	for _, value := range []string{`J"oé`, `A\B&`, "+420 5551234"} {
		for _, escape := range []string{"as it is", "HTML", "JSON", "JSON in ASCII", "JSON in HTML", "JSON in JSON", "JSON that spares nobody", "HTML that spares nobody", "an address", "a form"} {
			require.Empty(t, saidTo(t, sent, "<p>"+escapes[escape](value)), "%s, %s", value, escape)
		}
	}
}

func TestAnotherPageIsShownWhole(t *testing.T) {
	const page = "<html> <head><title>502 Bad Gateway</title></head> <body> <center><h1>502 Bad Gateway</h1></center> <hr><center>nginx/1.24.0 (100%)</center> </body> </html>"
	require.Equal(t, page, saidTo(t, sentOrder, strings.ReplaceAll(page, "> <", ">\r\n<")))
	times := `{"timestamp":"2026-11-22T07:20:19.123Z","status":502,"error":"Bad Gateway","path":"` + pathTransactions + `"}`
	require.Equal(t, times, saidTo(t, `{"updatedAt":"2026-11-22T07:20:19.1Z"}`, times))
	require.Empty(t, saidTo(t, `{"note":"2026-11-22T07:20:19.1 rings"}`, times))
	names := "<p>no side, entries, itemId, order, customer, email at " + pathTransactions
	require.Equal(t, names, saidTo(t, sentOrder, names), "names of fields and the path are no secrets")
	require.Equal(t, "<p>", saidTo(t, `{"a":"p>","b":[1,"`, "<p>"), "too short to be an echo")
}

func TestValuesOfARequest(t *testing.T) {
	for text, want := range map[string][]string{
		``:                                nil,
		`{}`:                              nil,
		`{"a":"b","c":["d",1,"e"],"f":2}`: {"b", "d", "e"},
		`{"a":"\"b\\","c\"":"d:"}`:        {`"b\`, "d:"},
		`{"a":"\ud83d\ude00\u0041\n"}`:    {"😀A\n"},
		`{"a":"b","c":"cut`:               {"b"},
		`{"a":"b","c":"cut\`:              {"b"},
		`"`:                               nil,
	} {
		var got []string
		for value := range values([]byte(text)) {
			got = append(got, string(value))
		}
		require.Equal(t, want, got, text)
	}
}

// TestAnyPieceOfALongValueIsFound, where it has as many bytes as to hold a piece that is looked for.
func TestAnyPieceOfALongValueIsFound(t *testing.T) {
	const long = "abcdefghijklmnopqrstuvwxyz"
	request := []byte(`{"note":"` + long + `"}`)
	for i := range len(long) - 2*echoBytes + 2 {
		require.True(t, piecesOf("<p>"+long[i:i+2*echoBytes-1], "/").repeat(nil, request), i)
	}
	require.True(t, piecesOf("<p>"+long[len(long)-echoBytes:], "/").repeat(nil, request))
	require.False(t, piecesOf("<p>"+long[1:echoBytes], "/").repeat(nil, request))
}
