package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/orderbridge/orderbridge/contracts"
)

// failedView is a call of a bridge that went wrong, in words.
type failedView struct {
	contracts.FailedCall
	Key    string // the same as long as the fault is
	What   string
	Answer string
	Then   string
	More   int64 // orders that are not named
}

func failedOf(c contracts.FailedCall, peer string) failedView {
	where := "here"
	if c.Target == "remote" {
		where = "at " + peer
	}
	v := failedView{FailedCall: c, Key: fmt.Sprintf("%x", c.Since.UnixMicro()), Answer: "incomplete answer", Then: verdictWords[c.Verdict], More: c.Entries - int64(len(c.Orders))}
	switch {
	case c.Call == "other":
		v.What = c.Method + " for a reconciliation " + where
	case c.Entries == 0:
		v.What = "Greeting " + where
	case c.Call == "lookup":
		v.What = "Lookup of pending orders " + where
	case c.Call == "tell":
		v.What = "PUT of changes " + where
	case c.Call == "store":
		v.What = "PUT of the answers " + where
	}
	if c.Status != 0 {
		v.Answer = strconv.FormatInt(c.Status, 10)
		if text := http.StatusText(int(c.Status)); text != "" {
			v.Answer += " " + text
		}
	}
	return v
}

// verdictWords say what a bridge makes of a failed call.
var verdictWords = map[string]string{
	"retry":        "tried again",
	"wait":         "retried after the requested time",
	"overloaded":   "retried after the requested time, with fewer orders at once",
	"unauthorized": "our token is refused: retried every 15 seconds",
	"misdirected":  "this is no Orders service: retried at intervals",
	"split":        "split until the faulty order is alone",
	"refused":      "the order is in error",
	"later":        "this side refuses the answer: the order is retried",
	"blocked":      "a system in between refuses this order for its content: the order is retried",
}
