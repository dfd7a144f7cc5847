// Package demo is `orderbridge demo`: both sides, whole and for real, on one machine with one command.
//
// For each side, a and b, it runs a durable private PostgreSQL, `orderbridge serve` with its embedded
// NATS JetStream, and `orderbridge bridge`, every one as a process of its own, so that each can be
// killed to see what happens: what dies is started again. All listen on 127.0.0.1 only; tokens and
// passwords are random and new at each start. Linux only.
//
// The ports follow from --port-base:
//
//	            side a      side b
//	HTTP        base        base+100
//	NATS        base+10     base+110
//	bridge      base+11     base+111    (health and metrics)
//	PostgreSQL  base+20     base+120
//	shop, ERP               base+130    (with --with-shop)
//
// And the files from --dir:
//
//	demo.env                    addresses, secrets and process numbers for a shell, as long as the demo runs
//	a/service.log, bridge.log   what the processes say, over all starts
//	a/postgres/, a/nats/        the data, kept until --fresh
//	shop.json, tryton/          of the shop or ERP; Tryton's data are in b/postgres/
//	.orderbridge-demo           marks the folder as ours, and is locked by the demo that runs in it
//
// It ends on Ctrl-C: bridges first, then services, the shop or ERP, databases. A second Ctrl-C, or a kill -9, ends
// them all at once, and the next start goes on with the data.
//
// It knows the programs by their settings and their REST only. Read demo.go first.
package demo
