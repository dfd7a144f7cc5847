//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"time"
)

// whole lets an answer through as it is.
func whole(to *net.TCPConn, answer []byte, _ <-chan struct{}) bool {
	_, err := to.Write(answer)
	return err == nil
}

// cut lets the first bytes of an answer through and then closes the connection, or resets it.
func cut(keep func(answer []byte) int, reset bool) lineFault {
	return func(to *net.TCPConn, answer []byte, _ <-chan struct{}) bool {
		_, err := to.Write(answer[:keep(answer)])
		if err == nil && reset {
			_ = to.SetLinger(0) // the connection ends in any case
		}
		return false
	}
}

// How much of an answer is kept.
func none([]byte) int             { return 0 }
func one([]byte) int              { return 1 }
func half(answer []byte) int      { return len(answer) / 2 }
func allButOne(answer []byte) int { return len(answer) - 1 }

// head keeps the status line and the headers.
func head(answer []byte) int { return bytes.Index(answer, []byte("\r\n\r\n")) + 4 }

// swallow keeps an answer until the line is healed.
func swallow(_ *net.TCPConn, _ []byte, healed <-chan struct{}) bool {
	<-healed
	return false
}

// slow lets an answer through after a while.
func slow(to *net.TCPConn, answer []byte, healed <-chan struct{}) bool {
	select {
	case <-time.After(time.Second):
	case <-healed:
	}
	return whole(to, answer, healed)
}

// drip lets an answer through byte by byte.
func drip(to *net.TCPConn, answer []byte, _ <-chan struct{}) bool {
	if to.SetNoDelay(true) != nil {
		return false
	}
	for i := range answer {
		if _, err := to.Write(answer[i : i+1]); err != nil {
			return false
		}
	}
	return true
}

// instead answers in the service's place, as proxies and misled addresses do.
func instead(status, headers, body string) lineFault {
	answer := fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
	return func(to *net.TCPConn, _ []byte, healed <-chan struct{}) bool { return whole(to, []byte(answer), healed) }
}

// inAnswer changes something within an answer, keeping its length.
func inAnswer(old, new string) lineFault {
	return func(to *net.TCPConn, answer []byte, healed <-chan struct{}) bool {
		return whole(to, bytes.ReplaceAll(answer, []byte(old), []byte(new)), healed)
	}
}

const (
	jsonHeader = "Content-Type: application/json\r\n"
	htmlHeader = "Content-Type: text/html\r\n"
)

// lines are the ways in which the line from bridge a to service b goes bad.
var lines = []struct {
	name    string
	fault   lineFault
	before  bool // b never sees the requests
	through bool // the answers come through all the same
}{
	{name: "answer cut to nothing", fault: cut(none, false)},
	{name: "reset instead of an answer", fault: cut(none, true)},
	{name: "answer cut after one byte", fault: cut(one, false)},
	{name: "answer cut after the headers", fault: cut(head, false)},
	{name: "answer cut in the middle", fault: cut(half, false)},
	{name: "reset in the middle", fault: cut(half, true)},
	{name: "answer cut before its last byte", fault: cut(allButOne, false)},
	{name: "request reset", fault: cut(none, true), before: true},
	{name: "answer swallowed", fault: swallow},
	{name: "slow answer", fault: slow, through: true},
	{name: "answer byte by byte", fault: drip, through: true},
	{name: "200 with a page", fault: instead("200 OK", htmlHeader, "<html>Sign in</html>")},
	{name: "200 with nothing", fault: instead("200 OK", jsonHeader, "")},
	{name: "200 with an empty batch", fault: instead("200 OK", jsonHeader, `{"side":"b","entries":[]}`)},
	{name: "204", fault: instead("204 No Content", "", "")},
	{name: "202", fault: instead("202 Accepted", jsonHeader, `{}`)},
	{name: "answers of another side", fault: inAnswer(`"side":"b"`, `"side":"c"`)},
	{name: "answers about other versions", fault: inAnswer(`"answerTo":{"a.`, `"answerTo":{"x.`)},
	{name: "answers with a key in wrong case", fault: inAnswer(`"itemId":"`, `"itemID":"`)},
	{name: "redirect", fault: instead("307 Temporary Redirect", "Location: http://127.0.0.1:9/elsewhere\r\n", ""), before: true},
	{name: "408", fault: instead("408 Request Timeout", "", ""), before: true},
	{name: "429", fault: instead("429 Too Many Requests", "Retry-After: 1\r\n", ""), before: true},
	{name: "500", fault: instead("500 Internal Server Error", htmlHeader, "oops"), before: true},
	{name: "502", fault: instead("502 Bad Gateway", htmlHeader, "oops"), before: true},
	{name: "503 with Retry-After", fault: instead("503 Service Unavailable", "Retry-After: 1\r\n", ""), before: true},
	{name: "413 of a proxy", fault: instead("413 Content Too Large", htmlHeader, "too large"), before: true},
}
