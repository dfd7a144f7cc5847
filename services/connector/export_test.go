package connector

import "context"

// Lead makes a connector lead without its loops.
func (c *Connector) Lead(ctx context.Context) error { return c.takeLead(ctx) }

// Poll looks once for what changed.
func (c *Connector) Poll(ctx context.Context) error {
	err := c.poll(ctx)
	c.outcome(err)
	return err
}

// Sweep reads all orders once.
func (c *Connector) Sweep(ctx context.Context) error {
	err := c.sweep(ctx)
	c.outcome(err)
	return err
}
