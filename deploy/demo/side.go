//go:build linux

package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

const (
	natsUser     = "orders" // the service's
	databaseName = "orders"
)

var sideNames = [...]string{"a", "b"}

// side is what belongs to one of the two: where it listens, where its data are, and its secrets.
type side struct {
	name    string
	folder  string
	ports   ports
	secrets secrets
}

// secrets of one side. Peer is the token that this side accepts from the other one's bridge, person the
// password of the person who can log in to its admin.
type secrets struct {
	client, admin, peer, bridge, metrics string
	// Of the broker's users: the service's, the bridge's and the operator's.
	nats, natsBridge, natsOperator string
	database, person               string
}

func newSides(f *folder, portBase int) [2]*side {
	var sides [2]*side
	for i, name := range sideNames {
		sides[i] = &side{
			name:    name,
			folder:  f.in(name),
			ports:   portsFrom(portBase + i*sideStep),
			secrets: secrets{secret(), secret(), secret(), secret(), secret(), secret(), secret(), secret(), secret(), strings.ToLower(rand.Text())},
		}
	}
	return sides
}

// secret has 260 random bits in 52 characters that neither a URL nor a shell minds.
func secret() string { return rand.Text() + rand.Text() }

func (s *side) url() string       { return "http://" + address(s.ports.http) }
func (s *side) bridgeURL() string { return "http://" + address(s.ports.bridge) }

// natsURL is where the broker is for one of its users.
func (s *side) natsURL(user, password string) string {
	return fmt.Sprintf("nats://%s:%s@%s", user, password, address(s.ports.nats))
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
func (s *side) serviceSettings(peer *side) map[string]string {
	return map[string]string{
		"ORDERS_SIDE":                   s.name,
		"ORDERS_PEER":                   peer.name,
		"ORDERS_PEER_URL":               peer.url(),
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
		"ORDERS_PEER_TOKEN":             s.secrets.peer,
		"ORDERS_BRIDGE_TOKEN":           s.secrets.bridge,
		"ORDERS_METRICS_TOKEN":          s.secrets.metrics,
		"ORDERS_LOG_FORMAT":             "console",
	}
}

// bridgeSettings are what `orderbridge bridge` gets of this side.
func (s *side) bridgeSettings(peer *side) map[string]string {
	return map[string]string{
		"BRIDGE_SIDE":          s.name,
		"BRIDGE_PEER":          peer.name,
		"BRIDGE_LOCAL_URL":     s.url(),
		"BRIDGE_LOCAL_TOKEN":   s.secrets.bridge,
		"BRIDGE_REMOTE_URL":    peer.url(),
		"BRIDGE_REMOTE_TOKEN":  peer.secrets.peer,
		"BRIDGE_NATS_URL":      s.natsBridgeURL(),
		"BRIDGE_HTTP_ADDR":     address(s.ports.bridge),
		"BRIDGE_METRICS_TOKEN": s.secrets.metrics,
		"BRIDGE_LOG_FORMAT":    "console",
	}
}
