// Package observability tests deploy/observability: the rules as Prometheus evaluates them, and every query of
// rules and dashboard on what two running sides expose. It is a module of its own because it compiles parts of
// Prometheus.
package observability
