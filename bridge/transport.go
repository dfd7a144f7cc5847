package bridge

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// validateTransport refuses what would send tokens or orders over a network in the clear, unless an operator says with
// an INSECURE setting that the network is a private one.
func (c Config) validateTransport(peers []remote, fault func(name, format string, args ...any)) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fault("TLS_KEY", "and BRIDGE_TLS_CERT must be set both or none")
	} else if _, _, err := c.transport(zap.NewNop()); err != nil {
		fault("TLS_CERT, BRIDGE_CA or BRIDGE_REMOTE_PINS", "cannot be used: %v", err)
	}
	const private = "must be https://, or on a private network set BRIDGE_INSECURE_HTTP=true"
	for _, one := range append(slices.Clone(peers), remote{url: c.LocalURL, urlSetting: "LOCAL_URL"}) {
		if u, err := url.Parse(one.url); err == nil && u.Scheme == "http" && !c.InsecureHTTP && !loopback(u.Hostname()) {
			fault(one.urlSetting, private)
		}
	}
	for _, one := range peers {
		if u, err := url.Parse(one.url); err == nil && u.Scheme == "http" && c.RemotePins != "" {
			fault("REMOTE_PINS", "needs an https:// BRIDGE_%s", one.urlSetting)
		}
	}
	if host, _, err := net.SplitHostPort(c.HTTPAddr); err == nil && c.TLSCert == "" && !c.InsecureHTTP && !loopback(host) {
		fault("HTTP_ADDR", "leads beyond this machine without BRIDGE_TLS_CERT; on a private network set BRIDGE_INSECURE_HTTP=true")
	}
	for one := range strings.SplitSeq(c.NatsURL, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil && u.Scheme == "nats" && !c.InsecureNats && !loopback(u.Hostname()) {
			fault("NATS_URL", "leads beyond this machine without TLS: use tls://, or on a private network set BRIDGE_INSECURE_NATS=true")
			break
		}
	}
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// transport makes the TLS settings for the own service, and for each peer's by its name.
func (c Config) transport(log *zap.Logger) (local *tls.Config, remote map[string]*tls.Config, err error) {
	own, err := c.certificate(log)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, p := range c.remotes() {
		names = append(names, p.name)
	}
	pins, err := tlsfile.PeerPins(c.RemotePins, names)
	if err != nil {
		return nil, nil, fmt.Errorf("BRIDGE_REMOTE_PINS %w", err)
	}
	if local, err = tlsfile.Client(c.CA, nil, nil); err != nil {
		return nil, nil, err
	}
	remote = map[string]*tls.Config{}
	for _, name := range names {
		if remote[name], err = tlsfile.Client(c.CA, pins[name], own); err != nil {
			return nil, nil, err
		}
	}
	return local, remote, nil
}

// certificate is the bridge's own, nil without one.
func (c Config) certificate(log *zap.Logger) (*tlsfile.Pair, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	return tlsfile.LoadPair(c.TLSCert, c.TLSKey, log)
}

// warnInsecure logs each setting in force that gives up a protection.
func (c Config) warnInsecure(log *zap.Logger) {
	if c.InsecureHTTP {
		log.Warn("insecure setting in force", zap.String("setting", "BRIDGE_INSECURE_HTTP"))
	}
	if c.InsecureNats {
		log.Warn("insecure setting in force", zap.String("setting", "BRIDGE_INSECURE_NATS"))
	}
}

// listen opens the listener for health and metrics.
func (c Config) listen(log *zap.Logger) (net.Listener, error) {
	own, err := c.certificate(log)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", c.HTTPAddr)
	if err != nil || own == nil {
		return l, err
	}
	return tls.NewListener(l, own.Server(false)), nil
}
