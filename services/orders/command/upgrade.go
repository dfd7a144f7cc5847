package command

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/postgres"
)

const (
	upgradeEvery = time.Minute
	upgradeStep  = 200                   // orders in one transaction
	upgradePause = 10 * time.Millisecond // at least
)

// upgrade brings what earlier versions stored to how this one stores it, at the start and every minute: the replica
// that is at it may end before it is done. It takes small steps and leaves room for others.
func upgrade(ctx context.Context, store *postgres.Store, log *zap.Logger) error {
	for {
		for what, step := range map[string]func(context.Context, int) (int, error){
			"contents of earlier versions moved": store.MoveContents,
			"orders of earlier versions indexed": store.Index,
		} {
			if err := all(ctx, step, what, log); err != nil && ctx.Err() == nil {
				log.Warn("failed to upgrade what earlier versions stored, retrying", zap.Error(err))
			}
		}
		if !pause(ctx, upgradeEvery) {
			return nil
		}
	}
}

// all takes a step until it finds nothing more to do. It rests for as long as a step takes, so that half of the time of
// a slow disk is left to others.
func all(ctx context.Context, step func(context.Context, int) (int, error), what string, log *zap.Logger) error {
	for done := 0; ; {
		began := time.Now()
		n, err := step(ctx, upgradeStep)
		done += n
		if err == nil && n > 0 && pause(ctx, max(upgradePause, time.Since(began))) {
			continue
		}
		if done > 0 {
			log.Info(what, zap.Int("orders", done))
		}
		return err
	}
}

// pause waits, and reports whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
