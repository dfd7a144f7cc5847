//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	sideStep    = 100 // from the ports of side a to those of side b
	portSpan    = 200 // from a demo of two sides to the next one beside it
	portBaseMin = 1024
	portMax     = 65535
)

// ports of one side, all on 127.0.0.1.
type ports struct {
	http, nats, bridge, postgres int
}

func portsFrom(base int) ports {
	return ports{http: base, nats: base + 10, bridge: base + 11, postgres: base + 20}
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// awaitPorts returns when all ports of a demo are free. It waits up to patience for the processes of
// an earlier demo that was killed a moment ago.
func awaitPorts(ctx context.Context, base, sides int, shop bool, patience time.Duration) error {
	if most := portMax - sides*sideStep; base < portBaseMin || base > most {
		return fmt.Errorf("--port-base must be %d to %d", portBaseMin, most)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := checkPorts(base, sides, shop)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; %s", err, otherBase(base, sides, shop))
		case <-time.After(pollEvery):
		}
	}
}

// checkPorts names the first port that we cannot listen on.
func checkPorts(base, sides int, shop bool) error {
	for i, name := range sideNames(sides) {
		p := portsFrom(base + i*sideStep)
		all := []struct {
			port int
			use  string
		}{{p.http, "HTTP"}, {p.nats, "NATS"}, {p.bridge, "the bridge"}, {p.postgres, "PostgreSQL"}, {p.http + shopPort, "the shop"}}
		if !shop || i != 1 {
			all = all[:4]
		}
		for _, wanted := range all {
			l, err := net.Listen("tcp", address(wanted.port))
			if err == nil {
				err = l.Close()
			}
			if err != nil {
				if why := syscall.Errno(0); errors.As(err, &why) { // less words than the net package has
					err = why
				}
				return fmt.Errorf("port %d, for %s of side %s: %w", wanted.port, wanted.use, name, err)
			}
		}
	}
	return nil
}

// otherBase suggests ports that nobody uses.
func otherBase(base, sides int, shop bool) string {
	for b := base + sides*sideStep; b <= portMax-sides*sideStep; b += sides * sideStep {
		if checkPorts(b, sides, shop) == nil {
			return fmt.Sprintf("choose others, as with --port-base %d", b)
		}
	}
	return "choose others with --port-base"
}
