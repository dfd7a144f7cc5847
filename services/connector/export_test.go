package connector

import "context"

// SetLeads makes a connector lead, or not, without its loops.
func (c *Connector) SetLeads(leads bool) { c.leads.Store(leads) }

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
