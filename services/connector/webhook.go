package connector

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// webhookBytesMax bounds what a system may send with a notice. Some send the whole order.
	webhookBytesMax = 1 << 20
	// webhookReplay is how long a notice is recognised when it comes again. It is short: some systems send nothing but
	// the order's id, which is the same with every change.
	webhookReplay = 10 * time.Second
	// webhooksKept bounds how many notices are recognised.
	webhooksKept = 10_000
)

// Webhook says how a system signs its notices.
type Webhook struct {
	Secret    string
	Signature string // header with the base64 HMAC-SHA256 of the body
	ID        string // member of the body that is the order's id in the system
}

// Hints takes the notices of a system. They are hints: each only makes the connector look sooner at the order that it
// names, so that a forged, repeated, reordered or lost one changes nothing. Nil when there is no secret.
func (c *Connector) Hints() http.Handler {
	o := c.o.Webhook
	if o.Secret == "" {
		return nil
	}
	var mu sync.Mutex
	seen := map[[sha256.Size]byte]time.Time{}
	again := func(sum [sha256.Size]byte) bool {
		mu.Lock()
		defer mu.Unlock()
		now := c.o.Now()
		if len(seen) >= webhooksKept {
			clear(seen)
		}
		repeated := now.Sub(seen[sum]) < webhookReplay
		seen[sum] = now
		return repeated
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookBytesMax))
		if err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		mac := hmac.New(sha256.New, []byte(o.Secret))
		mac.Write(body)
		given, err := base64.StdEncoding.DecodeString(r.Header.Get(o.Signature))
		if err != nil || subtle.ConstantTimeCompare(given, mac.Sum(nil)) != 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if id := orderNamed(body, o.ID); id != "" && !again(sha256.Sum256(body)) {
			c.Hint(id)
		}
		w.WriteHeader(http.StatusNoContent) // a test notice names no order
	})
}

// orderNamed is the number or text in a member of a notice; empty where there is none.
func orderNamed(body []byte, member string) string {
	var notice map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&notice) != nil {
		return ""
	}
	switch id := notice[member].(type) {
	case json.Number:
		return id.String()
	case string:
		return id
	}
	return ""
}
