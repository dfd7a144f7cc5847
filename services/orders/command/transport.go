package command

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/postgres"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// validateTransport refuses what would send secrets or orders over a network in the clear, unless an operator says
// with an INSECURE setting that the network is a private one. It returns what is wrong with the database.
func (c *Config) validateTransport(fault func(name, format string, args ...any)) (database error) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fault("TLS_KEY", "and %s_TLS_CERT must be set both or none", Prefix)
	} else if c.TLSCert != "" {
		if _, err := tlsfile.LoadPair(c.TLSCert, c.TLSKey, zap.NewNop()); err != nil {
			fault("TLS_CERT", "cannot be used: %v", err)
		}
	}
	if pins, err := tlsfile.PeerPins(c.PeerPins, c.peerNames()); err != nil {
		fault("PEER_PINS", "%v", err)
	} else if pins != nil && c.TLSCert == "" {
		fault("PEER_PINS", "needs %s_TLS_CERT: without TLS nobody can show a certificate", Prefix)
	}
	if c.NatsCA != "" {
		if _, err := tlsfile.Authorities(c.NatsCA); err != nil {
			fault("NATS_CA", "cannot be used: %v", err)
		}
	}
	const private = "is not set, and %s leads beyond this machine: on a private network%s set %s_%s=true"
	if !c.InsecureHTTP && c.TLSCert == "" && !loopback(c.HTTPAddr) {
		fault("TLS_CERT", private, Prefix+"_HTTP_ADDR", ", or behind a proxy that terminates TLS,", Prefix, "INSECURE_HTTP")
	}
	switch {
	case c.InsecureNats:
	case c.NatsURL == "" && c.TLSCert == "" && !loopback(c.NatsAddr):
		fault("TLS_CERT", private, Prefix+"_NATS_ADDR", "", Prefix, "INSECURE_NATS")
	case c.NatsURL != "" && !natsSafe(c.NatsURL):
		fault("NATS_URL", "leads beyond this machine without TLS: use tls://, or on a private network set %s_INSECURE_NATS=true", Prefix)
	}
	if c.DatabaseURL == "" {
		return nil // which is a fault of its own
	}
	return c.checkDatabase()
}

// checkDatabase refuses to send a password and orders over a network in the clear.
func (c *Config) checkDatabase() error {
	if c.InsecureDatabase {
		return nil
	}
	if err := postgres.CheckTLS(c.DatabaseURL); err != nil {
		return fmt.Errorf("%s_DATABASE_URL %w, or on a private network set %s_INSECURE_DATABASE=true", Prefix, err, Prefix)
	}
	return nil
}

// loopback reports whether an address is of this machine only. One that cannot be read has another fault.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err != nil || httpapi.IsLoopback(host)
}

// natsSafe reports whether each server of a list uses TLS or is on this machine.
func natsSafe(list string) bool {
	for one := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "tls" && !httpapi.IsLoopback(u.Hostname()) {
			return false // without a scheme the client takes it for nats://
		}
	}
	return true
}

// warnInsecure logs each setting in force that gives up a protection.
func (c *Config) warnInsecure(log *zap.Logger) {
	for name, on := range map[string]bool{
		"INSECURE_HTTP": c.InsecureHTTP, "INSECURE_NATS": c.InsecureNats, "INSECURE_DATABASE": c.InsecureDatabase,
		"INSECURE_COOKIES": c.InsecureCookies, "ALLOW_SUPERUSER": c.AllowSuperuser,
	} {
		if on {
			log.Warn("insecure setting in force", zap.String("setting", Prefix+"_"+name))
		}
	}
}

// certificate is the service's, nil without one.
func (c *Config) certificate(log *zap.Logger) (*tlsfile.Pair, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	return tlsfile.LoadPair(c.TLSCert, c.TLSKey, log)
}

// listen opens the listener of the API, with TLS where there is a certificate.
func (c *Config) listen(pair *tlsfile.Pair) (net.Listener, error) {
	l, err := net.Listen("tcp", c.HTTPAddr)
	if err != nil || pair == nil {
		return l, err
	}
	config := pair.Server(c.PeerPins != "")
	config.NextProtos = []string{"http/1.1"}
	return tls.NewListener(l, config), nil
}

// hosts are the names that the API answers to.
func (c *Config) hosts() httpapi.Hosts {
	var names []string
	for name := range strings.SplitSeq(c.Hosts, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return httpapi.Hosts{Names: names, Any: len(names) == 0 && !loopback(c.HTTPAddr)}
}
