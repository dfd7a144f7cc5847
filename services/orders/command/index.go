package command

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

const (
	indexEvery = time.Minute
	indexStep  = 200 // orders in one transaction
	indexPause = 10 * time.Millisecond
)

// index prepares orders of earlier versions for searches and lists, at the start and every minute: a service
// of the version before may still be running beside this one. It takes small steps and leaves room for others.
func index(ctx context.Context, store *postgres.Store, log *zap.Logger) error {
	for done := 0; ; {
		n, err := store.Index(ctx, indexStep)
		done += n
		wait := indexPause
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			log.Warn("failed to index orders of earlier versions, retrying", zap.Error(err))
			wait = indexEvery
		case n == 0:
			if done > 0 {
				log.Info("orders of earlier versions indexed", zap.Int("orders", done))
			}
			done, wait = 0, indexEvery
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
