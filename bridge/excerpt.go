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
	echoBytes       = 8           // that an answer has in common with a request by chance at most
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

// excerpt is how a foreign body begins, as it may be shown: what it repeats of the request is covered,
// but for the path.
func (c *client) excerpt(r response, path string, request []byte) string {
	// Of what may be an answer that lost its label on the way, and hold orders, only a page is shown.
	success := r.status < http.StatusMultipleChoices || r.status == http.StatusConflict
	if success && !bytes.HasPrefix(bytes.TrimSpace(r.begins), []byte("<")) {
		return ""
	}
	parts := strings.Split(printable(string(r.begins)), path)
	for i, part := range parts {
		parts[i] = cover(part, []byte(c.token), request)
	}
	return cut(strings.Join(parts, path), contracts.FailedSaidMax)
}

// cover puts dots over what a text has in common with one of the secrets.
func cover(text string, secrets ...[]byte) string {
	places := map[string][]int{}
	for i := 0; i+echoBytes <= len(text); i++ {
		piece := text[i : i+echoBytes]
		places[piece] = append(places[piece], i)
	}
	covered := make([]bool, len(text))
	for _, secret := range secrets {
		for i := 0; i+echoBytes <= len(secret) && len(places) > 0; i++ {
			piece := string(secret[i : i+echoBytes])
			for _, at := range places[piece] {
				for j := range echoBytes {
					covered[at+j] = true
				}
			}
			delete(places, piece)
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
