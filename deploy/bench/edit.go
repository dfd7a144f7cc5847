//go:build linux

package main

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// editAll edits every order once over REST, over several connections, and remembers the versions.
func (b *bench) editAll(ctx context.Context, bodies [][]byte) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range b.Writers {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					return nil
				}
				version, err := b.a.put(ctx, orderID(i, 0).String(), bodies[i])
				if err != nil {
					return err
				}
				b.versions[i] = version
			}
		})
	}
	return g.Wait()
}
