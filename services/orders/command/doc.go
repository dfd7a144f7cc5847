// Package command brings the programs around a side's service: serve, migrate, cleanup, config,
// healthcheck and admin. It is the only room that reads the environment's settings, opens the pool and
// the broker, and wires the adapters together. What operators do over REST is in package cli.
package command
