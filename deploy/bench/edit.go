//go:build linux

package main

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// editAll edits every order once over REST, over several connections, and remembers the versions.
func (b *bench) editAll(ctx context.Context, bodies [][]byte) error {
	return b.spread(ctx, len(bodies), func(ctx context.Context, i int) (err error) {
		b.versions[i], err = b.a.put(ctx, orderID(i, 0).String(), bodies[i])
		return err
	})
}

// spread does something for each of n orders, by all writers at once.
func (b *bench) spread(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range b.Writers {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}
