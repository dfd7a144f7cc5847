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
	portSpan    = 200 // from a demo to the next one beside it
	portBaseMin = 1024
	portBaseMax = 65535 - portSpan
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
func awaitPorts(ctx context.Context, base int, shop bool, patience time.Duration) error {
	if base < portBaseMin || base > portBaseMax {
		return fmt.Errorf("--port-base must be %d to %d", portBaseMin, portBaseMax)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := checkPorts(base, shop)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; %s", err, otherBase(base, shop))
		case <-time.After(pollEvery):
		}
	}
}

// checkPorts names the first port that we cannot listen on.
func checkPorts(base int, shop bool) error {
	for i, name := range sideNames {
		p := portsFrom(base + i*sideStep)
		all := []struct {
			port int
			use  string
		}{{p.http, "HTTP"}, {p.nats, "NATS"}, {p.bridge, "the bridge"}, {p.postgres, "PostgreSQL"}, {p.http + shopPort, "the shop"}}
		if !shop || i == 0 {
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
func otherBase(base int, shop bool) string {
	for b := base + portSpan; b <= portBaseMax; b += portSpan {
		if checkPorts(b, shop) == nil {
			return fmt.Sprintf("choose others, as with --port-base %d", b)
		}
	}
	return "choose others with --port-base"
}
