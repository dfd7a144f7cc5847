package connector

import "context"

// SetLeads makes a connector lead, or not, without its loops.
func (c *Connector) SetLeads(leads bool) { c.leads.Store(leads) }

// Poll looks once for what changed.
func (c *Connector) Poll(ctx context.Context) error { return c.poll(ctx) }

// Sweep reads all orders once.
func (c *Connector) Sweep(ctx context.Context) error { return c.sweep(ctx) }
