package outbox

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"golang.org/x/crypto/bcrypt"

	"github.com/orderbridge/orderbridge/contracts"
)

// allMighty is JetStream for somebody who may do anything to it, as no user of the embedded server may.
func allMighty(t *testing.T, b *Broker) jetstream.JetStream {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	require.NoError(t, err)
	options := b.embedded.options.Clone()
	options.Users = append(options.Users, &server.User{Username: "almighty", Password: string(hash)})
	require.NoError(t, b.embedded.server.Load().ReloadOptions(options))
	nc, err := nats.Connect("", nats.InProcessServer(b.embedded), nats.UserInfo("almighty", "secret"))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// service is a relay and a keeper at work over a store in memory.
type service struct {
	*Broker
	store *rows
	stop  func()
}

func serve(t *testing.T, o Options, store *rows) *service {
	t.Helper()
	log := zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	b, err := Open(o, log)
	require.NoError(t, err)
	relay := NewRelay(b, store, log)
	keeper := NewKeeper(b, store, relay, store.noteLoss, log)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{relay.Run, keeper.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	s := &service{b, store, sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		b.Close()
	})}
	t.Cleanup(s.stop)
	return s
}

// edit makes an order pending.
func (s *service) edit() uuid.UUID {
	h := s.store.add(uuid.New(), time.Now().Add(-time.Minute))
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.due = append(s.store.due, h.OrderID)
	return h.OrderID
}

// settled is what a bridge does at the end of the way.
func (r *rows) settled(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = deleteOne(r.due, id)
}

func deleteOne(ids []uuid.UUID, id uuid.UUID) (left []uuid.UUID) {
	for _, other := range ids {
		if other != id {
			left = append(left, other)
		}
	}
	return left
}

func (r *rows) oldest() uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due[0]
}

func (r *rows) pending() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.due)
}

// carry is a bridge: it takes hints, does with them as it is told, and reports, until the test or stop
// ends it.
func carry(t *testing.T, o Options, handle func(jetstream.Msg)) (stop func()) {
	t.Helper()
	return carryAs(t, o, BridgeUser, handle)
}

func carryAs(t *testing.T, o Options, user string, handle func(jetstream.Msg)) (stop func()) {
	t.Helper()
	nc, err := nats.Connect("nats://"+o.Embedded.Addr, nats.UserInfo(user, o.Embedded.BridgePassword), nats.CustomInboxPrefix(contracts.BridgeInbox),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.RetryOnFailedConnect(true),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(t, err)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Second))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		for ctx.Err() == nil {
			report, err := json.Marshal(contracts.BridgeReport{Instance: "one", Peer: "b", State: "running", Circuit: "closed"})
			if err != nil || nc.Publish(contracts.BridgeSubjectPrefix+"b", report) != nil {
				continue
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	parts.Go(func() {
		for ctx.Err() == nil {
			consumer, err := js.Consumer(ctx, contracts.HintStream, contracts.HintConsumer("b"))
			for err == nil && ctx.Err() == nil {
				var batch jetstream.MessageBatch
				if batch, err = consumer.Fetch(10, jetstream.FetchMaxWait(time.Second)); err == nil {
					for m := range batch.Messages() {
						handle(m)
					}
					err = batch.Error()
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		parts.Wait()
		nc.Close()
	})
	t.Cleanup(stop)
	return stop
}

// settle is a bridge that gets every order through.
func (r *rows) settle(m jetstream.Msg) {
	var h contracts.Hint
	if json.Unmarshal(m.Data(), &h) == nil {
		if id, err := uuid.Parse(h.ID); err == nil {
			r.settled(id)
		}
	}
	_ = m.Ack() // what does not get out comes again
}
