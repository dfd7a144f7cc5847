//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
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
	client, admin, peer          string // tokens that the service takes
	bridge, metrics, nats        string

	cluster   *pgcluster.Cluster
	system    database
	floor     database
	processes struct{ service, bridge *child }
}

// database holds our connections to one: for work, and to look at it meanwhile.
type database struct {
	work, watch *pgx.Conn
}

func newSide(name, folder string, addresses []string) *side {
	return &side{
		name: name, folder: filepath.Join(folder, name),
		httpAddr: addresses[0], natsAddr: addresses[1], healthAt: addresses[2],
		client: secret(), admin: secret(), peer: secret(), bridge: secret(), metrics: secret(), nats: secret(),
	}
}

func secret() string { return rand.Text() + rand.Text() }

// freeAddresses finds ports that nobody listens on.
func freeAddresses(n int) (list []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Held until all are found, so that none is found twice.
		defer func() { err = errors.Join(err, l.Close()) }()
		list = append(list, l.Addr().String())
	}
	return list, nil
}

func (s *side) url() string { return "http://" + s.httpAddr }

// startDatabase starts the cluster, the same for the system and for the floor, and connects to both
// databases.
func (s *side) startDatabase(ctx context.Context) (err error) {
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{Dir: filepath.Join(s.folder, "postgres"), Durable: true,
		Settings: map[string]string{"shared_buffers": clusterCache, "max_wal_size": clusterWAL}})
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

func (s *side) serviceSettings(peer *side) map[string]string {
	return map[string]string{
		"ORDERS_SIDE": s.name, "ORDERS_PEER": peer.name, "ORDERS_PEER_URL": peer.url(),
		"ORDERS_HTTP_ADDR": s.httpAddr, "ORDERS_DATABASE_URL": s.cluster.URL(systemName),
		"ORDERS_NATS_ADDR": s.natsAddr, "ORDERS_NATS_USER": natsUser, "ORDERS_NATS_PASSWORD": s.nats,
		"ORDERS_NATS_STORE_DIR": filepath.Join(s.folder, "nats"),
		"ORDERS_CLIENT_TOKEN":   s.client, "ORDERS_ADMIN_TOKEN": s.admin, "ORDERS_PEER_TOKEN": s.peer,
		"ORDERS_BRIDGE_TOKEN": s.bridge, "ORDERS_METRICS_TOKEN": s.metrics, "ORDERS_LOG_FORMAT": "console",
	}
}

func (s *side) bridgeSettings(peer *side) map[string]string {
	return map[string]string{
		"BRIDGE_SIDE": s.name, "BRIDGE_PEER": peer.name,
		"BRIDGE_LOCAL_URL": s.url(), "BRIDGE_LOCAL_TOKEN": s.bridge,
		"BRIDGE_REMOTE_URL": peer.url(), "BRIDGE_REMOTE_TOKEN": peer.peer,
		"BRIDGE_NATS_URL":  fmt.Sprintf("nats://%s:%s@%s", natsUser, s.nats, s.natsAddr),
		"BRIDGE_HTTP_ADDR": s.healthAt, "BRIDGE_METRICS_TOKEN": s.metrics, "BRIDGE_LOG_FORMAT": "console",
	}
}

// stop ends what was started, in an order in which nothing is cut off.
func (s *side) stop() (err error) {
	for _, c := range []*child{s.processes.bridge, s.processes.service} {
		if c != nil {
			err = errors.Join(err, c.stop())
		}
	}
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Stop())
	}
	return err
}
