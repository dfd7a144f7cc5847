// Package command brings the programs around a side's service: serve, migrate, cleanup and config, and the
// operator's status, orders and healthcheck, which speak REST to a running side. It is the only room
// that reads the environment, opens the pool and the broker, and wires the adapters together.
package command
