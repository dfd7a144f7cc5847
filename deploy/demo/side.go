//go:build linux

package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

const (
	natsUser     = "orders" // the service's
	databaseName = "orders"
)

// side is what belongs to one of them: where it listens, where its data are, and its secrets.
type side struct {
	name    string
	folder  string
	ports   ports
	secrets secrets

	peers      []*side
	beyond     []string          // names of the sides that are no peers
	tls        *certificates     // nil for plain HTTP
	peerTokens map[string]string // that this side accepts, by the name of the peer whose bridge shows it
}

// secrets of one side. Person is the password of the person who can log in to its admin.
type secrets struct {
	client, admin, bridge, metrics string
	// Of the broker's users: the service's, the bridge's and the operator's.
	nats, natsBridge, natsOperator string
	database, person               string
}

func newSides(f *folder, portBase, n int, topology string) []*side {
	sides := make([]*side, n)
	for i, name := range sideNames(n) {
		sides[i] = &side{
			peerTokens: map[string]string{},
			name:       name,
			folder:     f.in(name),
			ports:      portsFrom(portBase + i*sideStep),
			secrets:    secrets{secret(), secret(), secret(), secret(), secret(), secret(), secret(), secret(), strings.ToLower(rand.Text())},
		}
	}
	connect(sides, topology)
	return sides
}

// secret has 260 random bits in 52 characters that neither a URL nor a shell minds.
func secret() string { return rand.Text() + rand.Text() }

func (s *side) url() string       { return s.scheme() + "://" + address(s.ports.http) }
func (s *side) bridgeURL() string { return s.scheme() + "://" + address(s.ports.bridge) }

// natsURL is where the broker is for one of its users.
func (s *side) natsURL(user, password string) string {
	scheme := "nats"
	if s.tls != nil {
		scheme = "tls"
	}
	return fmt.Sprintf("%s://%s:%s@%s", scheme, user, password, address(s.ports.nats))
}

func (s *side) natsServiceURL() string  { return s.natsURL(natsUser, s.secrets.nats) }
func (s *side) natsBridgeURL() string   { return s.natsURL("bridge", s.secrets.natsBridge) }
func (s *side) natsOperatorURL() string { return s.natsURL("operator", s.secrets.natsOperator) }

// database is how its PostgreSQL is started, each time with the same address and password.
func (s *side) database() pgcluster.Options {
	return pgcluster.Options{
		Dir: postgresFolder(s.folder), Port: s.ports.postgres, Password: s.secrets.database, Durable: true,
	}
}

func (s *side) databaseURL() string { return s.database().URL(databaseName) }

func postgresFolder(side string) string { return filepath.Join(side, "postgres") }

func (s *side) natsFolder() string { return filepath.Join(s.folder, "nats") }

func (s *side) log(program string) string { return filepath.Join(s.folder, program+".log") }

// clear removes the data and the logs. What else lies beside them is not the demo's.
func (s *side) clear(ctx context.Context) error {
	if err := pgcluster.Remove(ctx, postgresFolder(s.folder)); err != nil {
		return err
	}
	err := os.RemoveAll(s.natsFolder())
	for _, log := range []string{s.log("service"), s.log("bridge")} {
		if e := os.Remove(log); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// serviceSettings are what `orderbridge serve` gets of this side.
func (s *side) serviceSettings() map[string]string {
	settings := map[string]string{
		"ORDERS_SIDE":                   s.name,
		"ORDERS_SIDES":                  strings.Join(s.beyond, ","),
		"ORDERS_HTTP_ADDR":              address(s.ports.http),
		"ORDERS_DATABASE_URL":           s.databaseURL(),
		"ORDERS_MIGRATE":                "true",
		"ORDERS_ALLOW_SUPERUSER":        "true", // the cluster is the demo's own
		"ORDERS_NATS_ADDR":              address(s.ports.nats),
		"ORDERS_NATS_USER":              natsUser,
		"ORDERS_NATS_PASSWORD":          s.secrets.nats,
		"ORDERS_NATS_BRIDGE_PASSWORD":   s.secrets.natsBridge,
		"ORDERS_NATS_OPERATOR_PASSWORD": s.secrets.natsOperator,
		"ORDERS_NATS_STORE_DIR":         s.natsFolder(),
		"ORDERS_CLIENT_TOKEN":           s.secrets.client,
		"ORDERS_ADMIN_TOKEN":            s.secrets.admin,
		"ORDERS_BRIDGE_TOKEN":           s.secrets.bridge,
		"ORDERS_METRICS_TOKEN":          s.secrets.metrics,
		"ORDERS_LOG_FORMAT":             "console",
	}
	if len(s.peers) == 1 {
		peer := s.peers[0]
		settings["ORDERS_PEER"], settings["ORDERS_PEER_URL"], settings["ORDERS_PEER_TOKEN"] = peer.name, peer.url(), s.peerTokens[peer.name]
	} else {
		settings["ORDERS_PEERS"] = s.pairs((*side).url)
		settings["ORDERS_PEER_TOKENS"] = s.pairs(func(peer *side) string { return s.peerTokens[peer.name] })
	}
	if s.tls != nil {
		maps.Copy(settings, s.tls.serviceSettings(s))
	}
	return settings
}

// bridgeSettings are what `orderbridge bridge` gets of this side.
func (s *side) bridgeSettings() map[string]string {
	settings := map[string]string{
		"BRIDGE_SIDE":          s.name,
		"BRIDGE_LOCAL_URL":     s.url(),
		"BRIDGE_LOCAL_TOKEN":   s.secrets.bridge,
		"BRIDGE_NATS_URL":      s.natsBridgeURL(),
		"BRIDGE_HTTP_ADDR":     address(s.ports.bridge),
		"BRIDGE_METRICS_TOKEN": s.secrets.metrics,
		"BRIDGE_LOG_FORMAT":    "console",
	}
	if len(s.peers) == 1 {
		peer := s.peers[0]
		settings["BRIDGE_PEER"], settings["BRIDGE_REMOTE_URL"], settings["BRIDGE_REMOTE_TOKEN"] = peer.name, peer.url(), peer.peerTokens[s.name]
	} else {
		settings["BRIDGE_PEERS"] = s.pairs((*side).url)
		settings["BRIDGE_REMOTE_TOKENS"] = s.pairs(func(peer *side) string { return peer.peerTokens[s.name] })
	}
	if s.tls != nil {
		maps.Copy(settings, s.tls.bridgeSettings(s))
	}
	return settings
}
