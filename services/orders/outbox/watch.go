package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	// overdueAfter is how long a link may be pending before its hint is published again, if a bridge is
	// ready to take it. A hint that a bridge died with comes back by itself after ackWait.
	overdueAfter = 15 * time.Second
	// hintAgainMax bounds the time until the same link is hinted once more; it doubles until then.
	hintAgainMax = 10 * time.Minute
	// watchedMax is how many links are watched at once, those that are pending for longest.
	watchedMax = 1000
	// stuckAfter is how long nothing at all is delivered after a hint was published again before the
	// consumer is taken for broken, and stuckBusy the same while a bridge has hints in hand.
	stuckAfter = 10 * time.Second
	stuckBusy  = time.Minute
)

// watch follows the links to a peer that are pending for longest. It measures time in this process, so
// that no clock that was set matters, and believes the broker nothing but that it delivers.
type watch struct {
	links    map[uuid.UUID]*watched
	activity activity
	activeAt time.Time // when activity last changed
}

// watched is a link that was pending at each look since a time.
type watched struct {
	since  time.Time // of the link: another one is another change
	next   time.Time // when it is overdue
	hinted time.Time // when it was last hinted again
	tries  int
	// turn is the stream's last message when the hint was in the stream for certain: the consumer that
	// has come to it has come past the hint.
	turn uint64
}

// activity changes with everything that is delivered to a bridge or by it.
type activity struct {
	delivered uint64
	settled   int64
}

// look reports whether hints are taken and delivered, in words if they are not, and has those published
// again whose turn has come and that are still pending. An error is a reason to check everything.
func (k *Keeper) look(ctx context.Context, now time.Time) (trouble string, err error) {
	info, consumers, err := k.read(ctx)
	if err != nil {
		return "", err
	}
	if err := k.unchanged(info, consumers); err != nil {
		return "", err
	}
	k.full, k.unfetched = full(info), false
	k.noteRetained(info, consumers)
	for _, peer := range k.broker.opts.Peers {
		stuck, unfetched, err := k.lookAt(ctx, now, peer, info, consumers[peer])
		if err != nil {
			return "", err
		}
		// The trouble that the broker is to blame for counts more than that of a bridge.
		if stuck != "" && (trouble == "" || k.unfetched && !unfetched) {
			trouble, k.unfetched = stuck, unfetched
		}
	}
	return trouble, nil
}

// read asks for the stream and each peer's consumer.
func (k *Keeper) read(ctx context.Context) (*jetstream.StreamInfo, map[string]*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	stream, err := k.broker.js.Stream(ctx, contracts.HintStream)
	if err != nil {
		return nil, nil, fmt.Errorf("read stream: %w", err)
	}
	consumers := map[string]*jetstream.ConsumerInfo{}
	for _, peer := range k.broker.opts.Peers {
		c, err := stream.Consumer(ctx, contracts.HintConsumer(peer))
		if err != nil {
			return nil, nil, fmt.Errorf("read consumer: %w", err)
		}
		consumers[peer] = c.CachedInfo()
	}
	return stream.CachedInfo(), consumers, nil
}

// lookAt looks at one peer. Unfetched says that no bridge asks for the hints that are not delivered.
func (k *Keeper) lookAt(ctx context.Context, now time.Time, peer string, info *jetstream.StreamInfo, c *jetstream.ConsumerInfo) (stuck string, unfetched bool, err error) {
	w := k.watches[peer]
	bridges, failing := k.broker.readyBridges(peer)
	paused, err := k.store.Paused(ctx, peer)
	if err != nil {
		return "", false, err
	}
	if paused || bridges == nil { // nothing is to be delivered, or nobody is there to take it
		clear(w.links)
		return "", false, nil
	}
	due, err := k.store.OldestDue(ctx, peer, watchedMax)
	if err != nil {
		return "", false, err
	}
	w.follow(now, due, info.State.LastSeq, activity{c.Delivered.Consumer, *bridges})
	if k.tidied.retained[peer] > retainedMax { // a new hint in place of theirs lets the others be removed
		failing = nil
	}
	again := w.overdue(now, c.Delivered.Stream, failing)
	if k.broker.denied.has(readHintRight) { // nothing is hinted again unread, as unreadable explains
		again = nil
	}
	if len(again) > 0 {
		damaged, err := k.unreadable(ctx, peer, again)
		if fromBroker(err) { // it answered, so if nothing moves that is its fault
			w.repeated(now, again)
		}
		if err != nil {
			return "", false, err
		}
		if damaged != "" {
			k.repairs.done = max(k.repairs.done, 1) // a new consumer reads no more than the old one
			return damaged, false, nil
		}
		n, err := k.store.HintAgain(ctx, peer, again)
		if err != nil {
			return "", false, err
		}
		w.repeated(now, again)
		k.log.Warn("orders are pending though their hints should have been delivered, hinted again", zap.String("peer", peer), zap.Int64("orders", n))
		k.relay.Poll()
	}
	if n := w.stuck(now, c.NumAckPending > 0); n > 0 {
		if unasked(c) {
			return fmt.Sprintf("no bridge to %s fetches hints, though one reports that it is ready, and %d orders wait: look at its log, and at its right to $JS.API.CONSUMER.MSG.NEXT", peer, n), true, nil
		}
		return fmt.Sprintf("%d orders for %s were hinted again, and the broker has delivered nothing since", n, peer), false, nil
	}
	return "", false, nil
}

// unasked reports whether nobody asks a consumer for hints or has any in hand.
func unasked(c *jetstream.ConsumerInfo) bool { return c.NumWaiting == 0 && c.NumAckPending == 0 }

// unreadable reports, in words, a hint that the stream counts and cannot read. It must not be published again:
// a server that is to replace such a message loops for ever, and answers nothing any more.
func (k *Keeper) unreadable(ctx context.Context, peer string, ids []uuid.UUID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*apiTimeout)
	defer cancel()
	stream, err := k.broker.js.Stream(ctx, contracts.HintStream)
	if err != nil {
		return "", fmt.Errorf("read stream: %w", err)
	}
	for _, id := range ids {
		subject := contracts.HintSubject(peer, id.String())
		there, err := readable(ctx, stream, subject)
		if err != nil {
			return "", err
		}
		if there {
			continue
		}
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil {
			return "", fmt.Errorf("read hint: %w", err)
		}
		if info.State.Subjects[subject] == 0 {
			continue
		}
		// Read once more: it may have been published since.
		if there, err = readable(ctx, stream, subject); err != nil {
			return "", err
		}
		if !there {
			return "the stream is damaged: it has a hint that it cannot read", nil
		}
	}
	return "", nil
}

// readable reports whether the stream can read the hint of a subject.
func readable(ctx context.Context, stream jetstream.Stream, subject string) (bool, error) {
	_, err := stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read hint: %w", err)
	}
	return true, nil
}

// follow brings the watch up to date.
func (w *watch) follow(now time.Time, due []DueLink, lastSeq uint64, a activity) {
	if a != w.activity {
		w.activity, w.activeAt = a, now
	}
	links := make(map[uuid.UUID]*watched, len(due))
	for _, d := range due {
		l := w.links[d.OrderID]
		if l == nil || !l.since.Equal(d.Since) {
			l = &watched{since: d.Since, next: now.Add(overdueAfter)}
		}
		if l.turn == 0 { // it has no row in the outbox, so the stream has its hint
			l.turn = lastSeq
		}
		links[d.OrderID] = l
	}
	w.links = links
}

// overdue lists the links to be hinted again: not those whose turn is still to come while others are being
// delivered, nor those that a bridge fails on, which has the hint.
func (w *watch) overdue(now time.Time, delivered uint64, failing map[string]bool) (again []uuid.UUID) {
	moving := now.Sub(w.activeAt) < stuckAfter
	for id, l := range w.links {
		if now.Before(l.next) || failing[id.String()] || moving && l.turn > delivered {
			continue
		}
		again = append(again, id)
	}
	return again
}

// repeated notes that links were hinted again, and have longer time now.
func (w *watch) repeated(now time.Time, ids []uuid.UUID) {
	for _, id := range ids {
		l := w.links[id]
		l.tries++
		l.hinted, l.turn = now, 0
		l.next = now.Add(min(hintAgainMax, overdueAfter<<min(l.tries, 10)))
	}
}

// stuck counts the links that were hinted again when nothing at all has been delivered since.
func (w *watch) stuck(now time.Time, inHand bool) (n int) {
	patience := stuckAfter
	if inHand {
		patience = stuckBusy
	}
	for _, l := range w.links {
		if l.tries > 0 && w.activeAt.Before(l.hinted) && now.Sub(l.hinted) >= patience {
			n++
		}
	}
	return n
}

// renew has each link hinted again soon, after a repair.
func (w *watch) renew(now time.Time) {
	for _, l := range w.links {
		l.next, l.turn = now, 0
	}
}
