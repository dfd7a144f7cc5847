//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

const (
	natsUser     = "orders"
	systemName   = "orders" // database of the service
	floorName    = "floor"  // database of the plain table
	clusterCache = "512MB"
	clusterWAL   = "4GB"
)

// side is everything of one of the two.
type side struct {
	name, folder                 string
	httpAddr, natsAddr, healthAt string
	tokens                       tokens

	cluster         *pgcluster.Cluster
	system          database
	floor           database
	service, bridge *program
	broker          *program // apart from the service, while the whole chain drains
}

// tokens are the secrets that a side's service and broker take.
type tokens struct {
	client, admin, peer, bridge, metrics, nats string
}

// database holds our connections to one: for work, and to look at it meanwhile.
type database struct {
	work, watch *pgx.Conn
}

func newSide(name, folder string, addresses []string) *side {
	return &side{
		name: name, folder: filepath.Join(folder, name),
		httpAddr: addresses[0], natsAddr: addresses[1], healthAt: addresses[2],
		tokens: tokens{secret(), secret(), secret(), secret(), secret(), secret()},
	}
}

func secret() string { return rand.Text() + rand.Text() }

// freeAddresses finds ports that nobody listens on, below those that the kernel gives to outgoing
// connections: one of these might be taken before we use it.
func freeAddresses(n int) (list []string, err error) {
	const low, high, triesMax = 10_000, 32_000, 1000
	for range triesMax {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", low+mathrand.IntN(high-low)))
		if err != nil {
			continue
		}
		// Held until all are found, so that none is found twice.
		defer l.Close() //nolint:errcheck // nothing was sent
		if list = append(list, l.Addr().String()); len(list) == n {
			return list, nil
		}
	}
	return nil, errors.New("there are no free ports")
}

func (s *side) url() string { return "http://" + s.httpAddr }

// startDatabase makes the side's folder and starts the cluster in it, the same for the system and for the
// floor, and connects to both databases.
func (s *side) startDatabase(ctx context.Context) (err error) {
	if err := os.Mkdir(s.folder, 0o700); err != nil {
		return err
	}
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{
		Dir: filepath.Join(s.folder, "postgres"), Durable: true,
		Settings: map[string]string{"shared_buffers": clusterCache, "max_wal_size": clusterWAL},
	})
	if err != nil {
		return err
	}
	for name, db := range map[string]*database{systemName: &s.system, floorName: &s.floor} {
		if err := s.cluster.CreateDatabase(ctx, name); err != nil {
			return err
		}
		for _, conn := range []**pgx.Conn{&db.work, &db.watch} {
			if *conn, err = pgx.Connect(ctx, s.cluster.URL(name)); err != nil {
				return fmt.Errorf("connect to database %s of side %s: %w", name, s.name, err)
			}
		}
	}
	_, err = s.floor.work.Exec(ctx, createFloor)
	return err
}

func (s *side) startService(binary string, peer *side) (err error) {
	s.service, err = s.startProgram("service", binary, "serve", s.serviceSettings(peer))
	return err
}

func (s *side) startBridge(binary string, peer *side) (err error) {
	s.bridge, err = s.startProgram("bridge", binary, "bridge", s.bridgeSettings(peer))
	return err
}

func (s *side) serviceSettings(peer *side) map[string]string {
	settings := map[string]string{
		"ORDERS_SIDE": s.name, "ORDERS_PEER": peer.name, "ORDERS_PEER_URL": peer.url(),
		"ORDERS_HTTP_ADDR": s.httpAddr, "ORDERS_DATABASE_URL": s.cluster.URL(systemName), "ORDERS_ALLOW_SUPERUSER": "true",
		"ORDERS_CLIENT_TOKEN": s.tokens.client, "ORDERS_ADMIN_TOKEN": s.tokens.admin, "ORDERS_PEER_TOKEN": s.tokens.peer,
		"ORDERS_BRIDGE_TOKEN": s.tokens.bridge, "ORDERS_METRICS_TOKEN": s.tokens.metrics, "ORDERS_LOG_FORMAT": "console",
		"ORDERS_SIDES":           seedSide,
		"ORDERS_RECONCILE_EVERY": "0", // what is measured is the exchange of changes
	}
	if s.broker != nil {
		settings["ORDERS_NATS_URL"] = s.natsURL()
		return settings
	}
	settings["ORDERS_NATS_ADDR"], settings["ORDERS_NATS_USER"], settings["ORDERS_NATS_PASSWORD"] = s.natsAddr, natsUser, s.tokens.nats
	settings["ORDERS_NATS_STORE_DIR"] = filepath.Join(s.folder, "nats")
	return settings
}

func (s *side) natsURL() string {
	return fmt.Sprintf("nats://%s:%s@%s", natsUser, s.tokens.nats, s.natsAddr)
}

func (s *side) bridgeSettings(peer *side) map[string]string {
	return map[string]string{
		"BRIDGE_SIDE": s.name, "BRIDGE_PEER": peer.name,
		"BRIDGE_LOCAL_URL": s.url(), "BRIDGE_LOCAL_TOKEN": s.tokens.bridge,
		"BRIDGE_REMOTE_URL": peer.url(), "BRIDGE_REMOTE_TOKEN": peer.tokens.peer,
		"BRIDGE_NATS_URL":  s.natsURL(),
		"BRIDGE_HTTP_ADDR": s.healthAt, "BRIDGE_METRICS_TOKEN": s.tokens.metrics, "BRIDGE_LOG_FORMAT": "console",
	}
}

// stop ends what was started, in an order in which nothing is cut off.
func (s *side) stop() (err error) {
	for _, c := range []*program{s.bridge, s.service, s.broker} {
		if c == nil {
			continue
		}
		if e := c.Stop(); e != nil {
			err = errors.Join(err, fmt.Errorf("stop %s: %w", c.name, e))
		}
	}
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Stop())
	}
	return err
}
