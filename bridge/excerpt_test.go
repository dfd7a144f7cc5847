package bridge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

const sentOrder = `{"side":"a","entries":[{"itemId":"x","itemURI":"/orders/x","order":{"customer":{"name":"Ägidius Brandt","email":"brandt@example.com"}}}]}`

// tellTo sends an order to a service that answers so, and returns what is told of it.
func tellTo(t *testing.T, answer http.HandlerFunc) contracts.FailedCall {
	t.Helper()
	c := testClient(t, serve(t, answer).URL)
	c.timeout = time.Hour // what ends, ends before
	c.send(t.Context(), remotePut, "r-1", []byte(sentOrder), []string{orderID(0)})
	list := c.failed.last()
	require.Len(t, list, 1)
	require.Empty(t, list[0].Validate())
	return list[0]
}

// requireHarmless asserts that nothing told of a failed call gives anything away or moves a cursor.
func requireHarmless(t *testing.T, got contracts.FailedCall) {
	t.Helper()
	told := fmt.Sprintf("%+v", got)
	for _, secret := range []string{remoteToken, remoteToken[4:20], "Ägidius", "Brandt", "brandt@", "example.com"} {
		require.NotContains(t, told, secret)
	}
	for _, s := range []string{got.Said, got.Reason, got.ContentType, got.RetryAfter} {
		require.Equal(t, -1, strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", s)
	}
}

func TestAHostileAnswerIsToldHarmlessly(t *testing.T) {
	got := tellTo(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/html; "+r.Header.Get("Authorization"))
		w.Header().Set("Retry-After", strings.Repeat("9", 500))
		w.WriteHeader(http.StatusBadGateway)
		_, _ = fmt.Fprintf(w, "<script>alert(1)</script>\x1b[31m\x00\u202e\xff token %s body %s end", r.Header.Get("Authorization"), body)
		_, _ = w.Write([]byte(strings.Repeat("<b>and so on</b>", 10<<20/16)))
	})
	requireHarmless(t, got)
	require.Empty(t, got.Said)
	require.Equal(t, "text/html; Bearer …", got.ContentType)
	require.Len(t, []rune(got.RetryAfter), contracts.FailedHeaderMax)
	require.Equal(t, int64(502), got.Status)
	require.Equal(t, int64(len(sentOrder)), got.SentBytes)
}

func TestAHostileProblemIsToldHarmlessly(t *testing.T) {
	got := tellTo(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"type":"/problems/x","title":"No \u001b[31m\u202e %s","present":%s,"errors":[{"pointer":"/entries/0","detail":%q}]}`,
			r.Header.Get("Authorization"), sentOrder, strings.Repeat("x", 5000))
	})
	requireHarmless(t, got)
	require.True(t, strings.HasPrefix(got.Reason, "No [31m Bearer …; /entries/0: xxx"), got.Reason)
	require.Len(t, []rune(got.Reason), contracts.FailedReasonMax)
	require.Empty(t, got.Said)
}

func TestWhatMayHoldOrdersIsNotShown(t *testing.T) {
	for name, c := range map[string]struct {
		status                int
		media, encoding, body string
		said                  string
	}{
		"an answer that lost its label":   {200, "text/plain", "", " " + sentOrder, ""},
		"one with collisions":             {409, "", "", sentOrder, ""},
		"one with a mark in front":        {200, "text/plain", "", "\ufeff" + sentOrder, ""},
		"packed":                          {502, "text/html", "gzip", "<html>", ""},
		"a page in place of an answer":    {200, "text/html", "", "<html>Please log in", "<html>Please log in"},
		"a gateway that speaks JSON":      {404, "application/json", "", `{"error":"no route for /orders/transactions"}`, `{"error":"no route for /orders/transactions"}`},
		"a gateway that speaks RFC 9457":  {403, "application/problem+json", "", `{"type":"about:blank","title":"Blocked"}`, `{"type":"about:blank","title":"Blocked"}`},
		"an unreadable problem document":  {400, "application/problem+json", "", `{"type":`, `{"type":`},
		"JSON of ours under a bad status": {500, "application/json", "", sentOrder, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := tellTo(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.media)
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			require.Equal(t, c.said, got.Said)
			requireHarmless(t, got)
		})
	}
}

// TestNobodyWaitsForWhatIsOnlyShown: a foreign body that does not end is told as far as it came.
func TestNobodyWaitsForWhatIsOnlyShown(t *testing.T) {
	got := tellTo(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "<h1>Bad")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	require.Equal(t, "<h1>Bad", got.Said)
	require.Equal(t, int64(502), got.Status)
}

func TestNoAnswerIsToldWithoutTheToken(t *testing.T) {
	got := tellTo(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 "+r.Header.Get("Authorization")+"\r\n\r\n")
		_ = conn.Close()
	})
	requireHarmless(t, got)
	require.Zero(t, got.Status)
	require.Contains(t, got.Reason, "malformed HTTP")
	require.Equal(t, "retry", got.Verdict)
}

func TestCover(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"short":                    "short",
		"secretsecret":             "…",
		"a secretsecret b":         "a … b",
		"a secretse and tsecret":   "a … and tsecret", // seven are chance
		"secretsecretsecretsecret": "…",
		"ö secretsü":               "ö secretsü",
	} {
		require.Equal(t, want, cover(text, "secretsecret"), text)
	}
	require.Equal(t, "x … y", cover("x äöüäöü y", "\xa4öüäöü"), "never half a character")
}
