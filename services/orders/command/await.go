package command

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings"
)

// How long to wait before a step of the start is tried again: at first, and at most.
const (
	awaitFirst = 100 * time.Millisecond
	awaitMost  = 5 * time.Second
)

// await does a step of the start, and does it again for as long as the database cannot be reached, starts or
// stops. Only ctx bounds it: whoever started the program knows how long to wait.
func await(ctx context.Context, log *zap.Logger, step string, do func(context.Context) error) error {
	for wait := awaitFirst; ; wait = min(2*wait, awaitMost) {
		err := do(ctx)
		if !postgres.NotYet(err) || ctx.Err() != nil {
			return err
		}
		log.Warn("database not ready, retrying", zap.String("step", step), zap.Duration("retry_in", wait), zap.Error(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// openReady opens the database of the settings for a command, once it answers.
func openReady(ctx context.Context, c *Config) (*postgres.Store, *zap.Logger, error) {
	if c.DatabaseURL == "" {
		return nil, nil, fmt.Errorf("%s_DATABASE_URL is not set", Prefix)
	}
	if err := c.checkDatabase(); err != nil {
		return nil, nil, err
	}
	log, err := settings.NewLogger(c.LogLevel, c.LogFormat)
	if err != nil {
		return nil, nil, err
	}
	store, err := postgres.Open(ctx, c.DatabaseURL, 2)
	if err != nil {
		return nil, nil, err
	}
	if err := await(ctx, log, "reach database", store.Ping); err != nil {
		store.Close()
		return nil, nil, err
	}
	return store, log, nil
}
