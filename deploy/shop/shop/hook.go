package shop

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	hookTimeout    = 10 * time.Second       // of one delivery
	hookTogether   = 100 * time.Millisecond // events that follow each other within it can be reordered
	hookFailures   = 5                      // in a row; with one more the webhook is disabled
	deliveriesMax  = 10_000                 // that are remembered
	signatureField = "X-WC-Webhook-Signature"
)

// Delivery is one attempt to deliver an event.
type Delivery struct {
	Topic  string // order.updated; empty: the first message of a webhook, which has no order
	Header http.Header
	Body   []byte
	Status int // of the answer; 0: there was none
}

// deliverer delivers the events of one webhook, one after the other.
type deliverer struct {
	hook   Webhook
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu         sync.Mutex
	queue      []Delivery
	deliveries []Delivery
	failures   int // in a row
}

// SetWebhook has the shop deliver its events from now on, and ends what it had before. No URL: none.
func (s *Shop) SetWebhook(w Webhook) {
	s.mu.Lock()
	before := s.hook
	s.hook = nil
	s.mu.Unlock()
	if before != nil {
		before.cancel()
		<-before.done
	}
	if w.URL == "" {
		return
	}
	if w.Client == nil {
		w.Client = &http.Client{Timeout: hookTimeout}
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &deliverer{hook: w, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go d.run(ctx)
	s.mu.Lock()
	s.hook = d
	s.mu.Unlock()
}

// Deliveries are the attempts of the present webhook so far. Disabled: it failed too often in a row and is off.
func (s *Shop) Deliveries() (list []Delivery, disabled bool) {
	s.mu.Lock()
	d := s.hook
	s.mu.Unlock()
	if d == nil {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.deliveries), d.failures > hookFailures
}

// payload is what a webhook sends of an order.
func (s *Shop) payload(o *Order, event string) []byte {
	if event == "order.deleted" {
		return mustJSON(object{"id": o.ID})
	}
	return s.encode(o)
}

func (d *deliverer) add(topic string, body []byte) {
	d.mu.Lock()
	d.queue = append(d.queue, Delivery{Topic: topic, Body: body})
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run delivers until it is cancelled. First comes a message that only says that there is a webhook.
func (d *deliverer) run(ctx context.Context) {
	defer close(d.done)
	d.deliver(ctx, Delivery{Body: []byte("webhook_id=1")}, 0)
	for n := 1; ; n++ {
		next, ok := d.next(ctx)
		if !ok {
			return
		}
		if d.hook.DropEvery > 0 && n%d.hook.DropEvery == 0 {
			continue
		}
		for range max(1, d.hook.Repeat) {
			d.deliver(ctx, next, n)
		}
	}
}

// next waits for an event and takes it out of the queue.
func (d *deliverer) next(ctx context.Context) (Delivery, bool) {
	for {
		d.mu.Lock()
		waiting := len(d.queue)
		d.mu.Unlock()
		if waiting > 0 {
			break
		}
		select {
		case <-d.wake:
		case <-ctx.Done():
			return Delivery{}, false
		}
	}
	if d.hook.Reorder {
		select {
		case <-time.After(hookTogether):
		case <-ctx.Done():
			return Delivery{}, false
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := 0
	if d.hook.Reorder {
		at = min(1, len(d.queue)-1)
	}
	next := d.queue[at]
	d.queue = slices.Delete(d.queue, at, at+1)
	return next, ctx.Err() == nil
}

// deliver makes one attempt, unless the webhook is disabled.
func (d *deliverer) deliver(ctx context.Context, next Delivery, n int) {
	d.mu.Lock()
	disabled := d.failures > hookFailures
	d.mu.Unlock()
	if disabled {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.hook.URL, bytes.NewReader(next.Body))
	if err == nil {
		next.Header = r.Header
		d.describe(r.Header, next, n)
		var answer *http.Response
		if answer, err = d.hook.Client.Do(r); err == nil {
			next.Status = answer.StatusCode
			err = answer.Body.Close()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && next.Status/100 == 2 {
		d.failures = 0
	} else {
		d.failures++
	}
	if len(d.deliveries) < deliveriesMax {
		d.deliveries = append(d.deliveries, next)
	}
}

func (d *deliverer) describe(h http.Header, next Delivery, n int) {
	h.Set("User-Agent", "WooCommerce/"+version+" Hookshot (WordPress/6.7)")
	if next.Topic == "" {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
		return
	}
	resource, event, _ := strings.Cut(next.Topic, ".")
	h.Set("Content-Type", "application/json")
	h.Set("X-WC-Webhook-Source", "http://shop.example/")
	h.Set("X-WC-Webhook-Topic", next.Topic)
	h.Set("X-WC-Webhook-Resource", resource)
	h.Set("X-WC-Webhook-Event", event)
	h.Set("X-WC-Webhook-ID", "1")
	h.Set("X-WC-Webhook-Delivery-ID", strconv.Itoa(cmp.Or(n, 1)))
	h.Set(signatureField, Sign(d.hook.Secret, next.Body))
}

// Sign is the signature of a webhook's body: base64 of its HMAC-SHA256.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body) // a hash takes all
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
