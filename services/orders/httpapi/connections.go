package httpapi

import (
	"container/list"
	"net"
	"net/http"
	"sync"
)

// connectionsMax is how many connections a server keeps open.
const connectionsMax = 1024

// connections bounds the open connections of a server. A new one beyond the bound replaces the one that
// has waited longest for a request; when all are at work, the new one is closed.
type connections struct {
	max     int
	mu      sync.Mutex
	open    map[net.Conn]*list.Element // nil while a request is under way
	waiting *list.List                 // of net.Conn, the longest wait first
}

func newConnections(limit int) *connections {
	return &connections{max: limit, open: map[net.Conn]*list.Element{}, waiting: list.New()}
}

// changed is the server's ConnState hook.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.open[conn]; e != nil {
		c.waiting.Remove(e)
	}
	switch state {
	case http.StateNew:
		if len(c.open) >= c.max && !c.closeOne() {
			_ = conn.Close() // the server notices when it reads
			return
		}
		c.open[conn] = c.waiting.PushBack(conn)
	case http.StateIdle:
		if _, ok := c.open[conn]; ok {
			c.open[conn] = c.waiting.PushBack(conn)
		}
	case http.StateActive:
		if _, ok := c.open[conn]; ok {
			c.open[conn] = nil
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

// closeOne closes the connection that has waited longest, and reports whether there was one.
func (c *connections) closeOne() bool {
	e := c.waiting.Front()
	if e == nil {
		return false
	}
	conn := c.waiting.Remove(e).(net.Conn)
	delete(c.open, conn)
	_ = conn.Close() // the server notices when it reads
	return true
}
