package bridge

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

// settingsPrefix begins the names of all settings of this program.
const settingsPrefix = "BRIDGE"

// Config holds the settings of a bridge.
type Config struct {
	Side string `split_words:"true" desc:"name of the side whose changes this bridge carries"`
	Peer string `split_words:"true" desc:"name of the side that it carries them to, where there is one"`

	LocalURL     string `split_words:"true" default:"http://127.0.0.1:8080" desc:"own Orders service"`
	LocalToken   string `split_words:"true" secret:"true" desc:"token of the bridge role at the own service, 32 characters or more"`
	RemoteURL    string `split_words:"true" desc:"the peer's Orders service"`
	RemoteToken  string `split_words:"true" secret:"true" desc:"token of the peer role at the peer's service, 32 characters or more"`
	Peers        string `split_words:"true" desc:"instead of BRIDGE_PEER and BRIDGE_REMOTE_URL, names and Orders services of several peers, separated by blanks: b=https://host:port c=https://host:port"`
	RemoteTokens string `split_words:"true" secret:"true" desc:"instead of BRIDGE_REMOTE_TOKEN, the token at each of them: b=TOKEN c=TOKEN"`
	RemotePins   string `split_words:"true" desc:"SHA-256 fingerprints of certificates, separated by commas: the peer's service must show one of them, and no authority is asked; of several peers b=PINS c=PINS; unset: authorities decide"`
	CA           string `split_words:"true" desc:"PEM file with authorities that are trusted for all services and NATS besides the system's"`
	TLSCert      string `split_words:"true" desc:"PEM file with the bridge's certificate, shown to the peers' services and at HTTP_ADDR; read again when it changes; unset: none, and plain HTTP"`
	TLSKey       string `split_words:"true" desc:"PEM file with the certificate's key"`
	NatsURL      string `split_words:"true" secret:"true" default:"nats://127.0.0.1:4222" desc:"own JetStream; may hold user:password, several with commas"`

	InsecureHTTP bool `split_words:"true" default:"false" desc:"speak plain HTTP beyond this machine: only on a private network"`
	InsecureNats bool `split_words:"true" default:"false" desc:"use NATS beyond this machine without TLS: only on a private network"`

	HTTPAddr     string `split_words:"true" default:"127.0.0.1:8081" desc:"where to serve /healthz, /readyz and /metrics"`
	MetricsToken string `split_words:"true" secret:"true" desc:"token for /metrics, 32 characters or more"`

	LogLevel  string `split_words:"true" default:"info" desc:"debug, info, warn or error"`
	LogFormat string `split_words:"true" default:"auto" desc:"json, console or auto"`

	Batch         int           `split_words:"true" default:"256" desc:"entries in one request, 1 to 500"`
	Workers       int           `split_words:"true" default:"4" desc:"batches under way at once, 1 to 8"`
	BackoffMax    time.Duration `split_words:"true" default:"30s" desc:"longest pause between tries while something is down"`
	ShutdownGrace time.Duration `split_words:"true" default:"10s" desc:"how long a stopping bridge may finish what is under way"`
}

// Limits of the settings.
const (
	secretLengthMin = 32
	workersMax      = 8
)

var sideName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}$`)

// Validate names every fault of the settings at once, and no secret in any of them.
func (c Config) Validate() error {
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf(settingsPrefix+"_"+name+" "+format, args...))
	}

	if !sideName.MatchString(c.Side) {
		fault("SIDE", "must match %s", sideName)
	}
	if why := originFault(c.LocalURL); why != "" {
		fault("LOCAL_URL", "%s", why)
	}
	peers := c.peers(fault)
	if !brokerURLs(c.NatsURL) {
		fault("NATS_URL", "must be nats:// or tls:// and a host, or several such with commas")
	}

	c.validateTransport(peers, fault)

	type secret struct{ name, value string }
	secrets := []secret{{"LOCAL_TOKEN", c.LocalToken}}
	for _, p := range peers {
		secrets = append(secrets, secret{p.tokenSetting, p.token})
	}
	secrets = append(secrets, secret{"METRICS_TOKEN", c.MetricsToken})
	for i, s := range secrets {
		if len(s.value) < secretLengthMin || strings.ContainsFunc(s.value, notInToken) {
			fault(s.name, "must have %d or more visible ASCII characters and no comma", secretLengthMin)
		}
		for _, other := range secrets[:i] {
			if s.value == other.value && s.value != "" {
				fault(s.name, "must differ from BRIDGE_%s", other.name)
			}
		}
	}

	if c.Batch < 1 || c.Batch > contracts.BatchEntriesMax {
		fault("BATCH", "must be 1 to %d", contracts.BatchEntriesMax)
	}
	if c.Workers < 1 || c.Workers > workersMax {
		fault("WORKERS", "must be 1 to %d", workersMax)
	}
	if c.BackoffMax < backoffBase {
		fault("BACKOFF_MAX", "must be %s or more", backoffBase)
	}
	if c.ShutdownGrace <= 0 {
		fault("SHUTDOWN_GRACE", "must be more than 0")
	}
	return errors.Join(faults...)
}

// originFault says why an address is not just a scheme, a host and perhaps a port.
func originFault(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "must be a URL" // the parser's message would repeat a password
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return "must be http:// or https:// and a host"
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return "must hold nothing but scheme, host and port"
	}
	return ""
}

func brokerURLs(list string) bool {
	for one := range strings.SplitSeq(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" {
			return false
		}
	}
	return true
}

// notInToken finds what would break an Authorization header, or hint at two tokens in one setting.
func notInToken(r rune) bool { return r <= ' ' || r > '~' || r == ',' }
