package bridge

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	excerptBytesMax = 2 << 10
	excerptWait     = time.Second // for bytes that nobody decides by
)

// beginning reads how a body begins that is none of ours, as far as it comes soon. GiveUp breaks the
// response off.
func beginning(resp *http.Response, giveUp func()) []byte {
	if resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	defer time.AfterFunc(excerptWait, giveUp).Stop()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, excerptBytesMax)) // what came is better than nothing
	return data
}

// excerpt is how a foreign body begins, as it may be shown: "" when it repeats anything of the request but
// the path.
func (c *client) excerpt(r response, path string, request []byte) string {
	// Of what may be an answer that lost its label on the way, and hold orders, only a page is shown.
	success := r.status < http.StatusMultipleChoices || r.status == http.StatusConflict
	if success && !bytes.HasPrefix(bytes.TrimSpace(r.begins), []byte("<")) {
		return ""
	}
	if piecesOf(string(r.begins), path).repeat([]byte(c.token), request) {
		return ""
	}
	return c.heard(string(r.begins), contracts.FailedSaidMax)
}

// cover puts dots over what a text has in common with the token.
func cover(text, token string) string {
	covered := make([]bool, len(text))
	for i := 0; i+echoBytes <= len(text); i++ {
		if strings.Contains(token, text[i:i+echoBytes]) {
			for j := range echoBytes {
				covered[i+j] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			b.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			b.WriteString("…")
		}
	}
	return strings.ToValidUTF8(b.String(), "") // a piece may have begun within a character
}

// printable makes foreign text one line of characters that can be seen.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens a text to so many characters.
func cut(s string, runesMax int) string {
	if len(s) > runesMax { // or else it cannot have more
		if runes := []rune(s); len(runes) > runesMax {
			return string(runes[:runesMax-1]) + "…"
		}
	}
	return s
}
