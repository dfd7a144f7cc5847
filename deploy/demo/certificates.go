//go:build linux

package demo

import (
	"net/http"
	"os"
	"path/filepath"

	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// certificates are those of a demo whose sides speak TLS: new ones at each start, of an authority of its own.
type certificates struct {
	folder string
	ca     string            // of the authority, for clients
	prints map[string]string // fingerprints, by name
	client *http.Client      // trusts the authority
}

const certificatesFolder = "tls"

// certify makes the certificates of all services and bridges.
func (d *demo) certify() error {
	c := &certificates{folder: d.folder.in(certificatesFolder), prints: map[string]string{}}
	if err := os.MkdirAll(c.folder, folderMode); err != nil {
		return err
	}
	c.ca = filepath.Join(c.folder, "ca.crt")
	authority, err := tlsfile.NewAuthority("orderbridge demo")
	if err != nil {
		return err
	}
	if err := authority.Write(c.ca); err != nil {
		return err
	}
	for _, s := range d.sides {
		s.tls = c
		for _, name := range []string{s.service(), s.bridge()} {
			if c.prints[name], err = authority.Issue(c.folder, name, "127.0.0.1", "localhost"); err != nil {
				return err
			}
		}
	}
	trusting, err := tlsfile.Client(c.ca, nil, nil)
	if err != nil {
		return err
	}
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	return nil
}

// The names of a side's certificates.
func (s *side) service() string { return "service-" + s.name }
func (s *side) bridge() string  { return "bridge-" + s.name }

func (s *side) scheme() string {
	if s.tls != nil {
		return "https"
	}
	return "http"
}

// client calls the side's service and bridge.
func (s *side) client() *http.Client {
	if s.tls != nil {
		return s.tls.client
	}
	return http.DefaultClient
}

func (c *certificates) file(name, kind string) string { return filepath.Join(c.folder, name+kind) }

// serviceSettings have the service speak TLS, and take a peer's token only with the certificate of the peer's bridge.
func (c *certificates) serviceSettings(s *side) map[string]string {
	return map[string]string{
		"ORDERS_TLS_CERT":  c.file(s.service(), ".crt"),
		"ORDERS_TLS_KEY":   c.file(s.service(), ".key"),
		"ORDERS_PEER_PINS": s.pairs(func(peer *side) string { return c.prints[peer.bridge()] }),
	}
}

// bridgeSettings have the bridge speak to the pinned services of its peers only.
func (c *certificates) bridgeSettings(s *side) map[string]string {
	return map[string]string{
		"BRIDGE_TLS_CERT":    c.file(s.bridge(), ".crt"),
		"BRIDGE_TLS_KEY":     c.file(s.bridge(), ".key"),
		"BRIDGE_CA":          c.ca,
		"BRIDGE_REMOTE_PINS": s.pairs(func(peer *side) string { return c.prints[peer.service()] }),
	}
}
