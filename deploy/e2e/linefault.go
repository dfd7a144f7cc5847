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
