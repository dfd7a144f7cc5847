package command

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/services/orders/httpapi"
	"github.com/orderbridge/orderbridge/services/orders/merge"
	"github.com/orderbridge/orderbridge/services/orders/outbox"
	"github.com/orderbridge/orderbridge/settings"
	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// Prefix of the service's settings.
const Prefix = "ORDERS"

// Config is the settings of the service.
type Config struct {
	Side                 string        `split_words:"true" desc:"name of this side, in every version it writes; never change it"`
	Peer                 string        `split_words:"true" desc:"name of the peer, where there is one"`
	PeerURL              string        `split_words:"true" desc:"origin of its API, http(s)://host:port"`
	Peers                string        `split_words:"true" desc:"instead of these two, names and origins of several peers, separated by blanks: b=https://host:port c=https://host:port"`
	Sides                string        `split_words:"true" desc:"other sides whose stamps the versions of orders may carry, separated by commas: of the peers' own peers and theirs, or earlier names of a side; anything else in a peer's entry is refused"`
	HTTPAddr             string        `split_words:"true" default:"127.0.0.1:8080" desc:"host:port to listen on"`
	Hosts                string        `split_words:"true" desc:"names in a request's Host header that are answered, separated by commas; IP addresses and localhost always are; unset: any name, and none where HTTP_ADDR is a loopback address"`
	TLSCert              string        `split_words:"true" desc:"PEM file with the service's certificate and its chain; read again when it changes; unset: plain HTTP"`
	TLSKey               string        `split_words:"true" desc:"PEM file with the certificate's key"`
	PeerPins             string        `split_words:"true" desc:"SHA-256 fingerprints of certificates, separated by commas: the peer's token counts only on a connection on which the caller shows one of them; of several peers b=PINS c=PINS; unset: the token is enough"`
	InsecureHTTP         bool          `split_words:"true" default:"false" desc:"listen beyond this machine without TLS: only behind a proxy that terminates TLS, or on a private network"`
	DatabaseURL          string        `split_words:"true" secret:"true" desc:"PostgreSQL, postgres://user:password@host:port/database"`
	DatabaseConns        int           `split_words:"true" default:"0" desc:"connections to the database at most; 0 is 4 or the number of CPUs"`
	InsecureDatabase     bool          `split_words:"true" default:"false" desc:"reach a database on another machine without sslmode=verify-full: only on a private network"`
	AllowSuperuser       bool          `split_words:"true" default:"false" desc:"start although the user of the database is a superuser; for trials only"`
	Migrate              bool          `split_words:"true" default:"true" desc:"bring the database to the newest schema at the start"`
	ClientToken          string        `split_words:"true" secret:"true" desc:"bearer token for clients; two, separated by a comma, while one is rotated"`
	PeerToken            string        `split_words:"true" secret:"true" desc:"bearer token for the bridge of the one peer"`
	PeerTokens           string        `split_words:"true" secret:"true" desc:"instead, a bearer token for the bridge of each peer, which says whose bridge it is: b=TOKEN c=TOKEN; two, separated by a comma, while one is rotated"`
	BridgeToken          string        `split_words:"true" secret:"true" desc:"bearer token for the own bridge"`
	AdminToken           string        `split_words:"true" secret:"true" desc:"bearer token for administrators; it works without the database's people and tokens"`
	MetricsToken         string        `split_words:"true" secret:"true" desc:"bearer token for /metrics"`
	TrustedProxies       string        `split_words:"true" desc:"addresses or networks of proxies whose X-Forwarded-For is believed, separated by commas; unset: none"`
	InsecureCookies      bool          `split_words:"true" default:"false" desc:"let people log in over plain HTTP from other machines, where their sessions can be stolen; for trials only"`
	NatsURL              string        `split_words:"true" secret:"true" desc:"external NATS servers, nats://user:password@host:port; unset: a server within the service"`
	NatsCA               string        `split_words:"true" desc:"PEM file with authorities that are trusted for NATS besides the system's"`
	InsecureNats         bool          `split_words:"true" default:"false" desc:"use NATS beyond this machine without TLS: only on a private network"`
	NatsReplicas         int           `split_words:"true" default:"1" desc:"copies of the stream, in a cluster"`
	NatsAddr             string        `split_words:"true" default:"127.0.0.1:4222" desc:"host:port of the embedded server"`
	NatsUser             string        `split_words:"true" default:"orders" desc:"the service's user of the embedded server"`
	NatsPassword         string        `split_words:"true" secret:"true" desc:"password of that user"`
	NatsBridgePassword   string        `split_words:"true" secret:"true" desc:"password of the embedded server's user bridge, for the own bridge; unset: the service's user has a bridge's rights, too"`
	NatsOperatorPassword string        `split_words:"true" secret:"true" desc:"password of the embedded server's user operator, who may look and not touch; unset: there is no such user"`
	NatsStoreDir         string        `split_words:"true" default:"nats" desc:"folder of the embedded server's store"`
	NatsSync             string        `split_words:"true" default:"1s" desc:"how often the embedded store is brought to disk; always is after each message"`
	ConflictPolicy       string        `split_words:"true" default:"manual" desc:"manual: people settle every collision; merge: only those where both sides changed the same field"`
	ConflictRules        string        `split_words:"true" desc:"how a field that both sides changed is settled without people, such as /shippingAddress=side:b /lines/*/quantity=max; the same on both sides"`
	FourEyes             bool          `split_words:"true" default:"false" desc:"what one person decides about a collision is only proposed, until another one approves it; the same on both sides"`
	UniqueNumbers        bool          `split_words:"true" default:"false" desc:"refuse an order that is created here with the number of another one (409); what comes from the peer is never refused for its number"`
	ReconcileEvery       time.Duration `split_words:"true" default:"6h" desc:"how old a proof that both sides are equal may become before they are compared again; 0: only when asked"`
	BrakeDeletions       string        `split_words:"true" default:"1000" desc:"how many orders a peer may delete within the brake's window before the rest is held: a number, a share as in 5%, or off"`
	BrakeReplacements    string        `split_words:"true" default:"off" desc:"how many orders a peer may change within the brake's window, as above"`
	BrakeWindow          time.Duration `split_words:"true" default:"10m" desc:"time in which the brake counts"`
	AlarmAge             time.Duration `split_words:"true" default:"5m" desc:"how long an order may wait for its peer, or a hint for the broker, before status raises an alarm; 0: never"`
	AlarmDeliveries      int64         `split_words:"true" default:"6" desc:"how often the bridge may fail with one order before status raises an alarm; 0: never"`
	LogLevel             string        `split_words:"true" default:"info" desc:"debug, info, warn or error"`
	LogFormat            string        `split_words:"true" default:"auto" desc:"json, console, or auto: console on a terminal"`
	Retention            time.Duration `split_words:"true" default:"2160h" desc:"how long the history of what is settled is kept, and what deleted orders held; 0 is for ever"`
	ShutdownGrace        time.Duration `split_words:"true" default:"10s" desc:"how long requests may take to end at a stop"`
}

// Load reads the settings and refuses what cannot work.
func Load() (*Config, error) {
	var c Config
	if err := settings.Load(Prefix, &c); err != nil {
		return nil, err
	}
	return &c, c.Validate()
}

func (c *Config) sides() []string {
	if c.Sides == "" {
		return nil
	}
	return strings.Split(c.Sides, ",")
}

// retentionMin is the shortest time that history can be kept: who compares the sides reads the log meanwhile.
const retentionMin = time.Hour

// secretLengthMin is the shortest token or password that is accepted.
const secretLengthMin = 32

// passwordLengthMax is what the hash of the embedded broker's password takes in.
const passwordLengthMax = 72

var sideName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,15}$`)

// Validate reports all faults at once. There are no default secrets, and none may serve two roles.
func (c *Config) Validate() error {
	var errs []error
	fault := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s_%s %s", Prefix, name, fmt.Sprintf(format, args...)))
	}
	if !sideName.MatchString(c.Side) {
		fault("SIDE", "must be a name of lower-case letters, digits and hyphens, at most 16")
	}
	peers := c.peers(fault)
	for _, side := range c.sides() {
		if !sideName.MatchString(side) {
			fault("SIDES", "must be names of sides, separated by commas")
		}
	}
	if _, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		fault("HTTP_ADDR", "must be host:port")
	}
	if c.DatabaseURL == "" {
		fault("DATABASE_URL", "is not set")
	}
	if c.DatabaseConns < 0 || c.DatabaseConns == 1 || c.DatabaseConns > 1000 {
		fault("DATABASE_CONNS", "must be 0, or from 2 to 1000")
	}
	if c.NatsReplicas < 1 || c.NatsReplicas > 5 {
		fault("NATS_REPLICAS", "must be from 1 to 5")
	}
	if _, err := httpapi.ParseProxies(c.TrustedProxies); err != nil {
		fault("TRUSTED_PROXIES", "must be addresses or networks such as 10.0.0.0/8, separated by commas")
	}
	if c.ReconcileEvery != 0 && c.ReconcileEvery < time.Second {
		fault("RECONCILE_EVERY", "must be 0, or 1s or more")
	}
	if _, err := orders.ParseLimit(c.BrakeDeletions); err != nil {
		fault("BRAKE_DELETIONS", "%s", err)
	}
	if _, err := orders.ParseLimit(c.BrakeReplacements); err != nil {
		fault("BRAKE_REPLACEMENTS", "%s", err)
	}
	if c.BrakeWindow <= 0 {
		fault("BRAKE_WINDOW", "must be above 0")
	}
	if c.AlarmAge < 0 {
		fault("ALARM_AGE", "must be 0 or more")
	}
	if c.AlarmDeliveries < 0 {
		fault("ALARM_DELIVERIES", "must be 0 or more")
	}
	if c.Retention != 0 && c.Retention < retentionMin {
		fault("RETENTION", "must be 0, or %s or more", retentionMin)
	}
	if c.ShutdownGrace <= 0 {
		fault("SHUTDOWN_GRACE", "must be above 0")
	}
	errs = append(errs, c.validateTransport(fault))
	_, nameErr, rulesErr := c.policy()
	if nameErr != nil {
		fault("CONFLICT_POLICY", "%v", nameErr)
	}
	if rulesErr != nil {
		fault("CONFLICT_RULES", "has a rule that cannot be: %v", rulesErr)
	}
	secrets := [][2]string{
		{"CLIENT_TOKEN", c.ClientToken},
		{"BRIDGE_TOKEN", c.BridgeToken},
		{"ADMIN_TOKEN", c.AdminToken},
		{"METRICS_TOKEN", c.MetricsToken},
	}
	for _, p := range peers {
		secrets = append(secrets, [2]string{p.setting, p.tokens})
	}
	if c.NatsURL == "" {
		secrets = append(secrets, [2]string{"NATS_PASSWORD", c.NatsPassword})
		for _, s := range [][2]string{{"NATS_BRIDGE_PASSWORD", c.NatsBridgePassword}, {"NATS_OPERATOR_PASSWORD", c.NatsOperatorPassword}} {
			if s[1] != "" {
				secrets = append(secrets, s)
			}
		}
		if _, _, err := net.SplitHostPort(c.NatsAddr); err != nil {
			fault("NATS_ADDR", "must be host:port")
		}
		if c.NatsUser == "" {
			fault("NATS_USER", "is empty")
		}
		if c.NatsUser == outbox.BridgeUser || c.NatsUser == outbox.OperatorUser {
			fault("NATS_USER", "must be neither %s nor %s, who are other users", outbox.BridgeUser, outbox.OperatorUser)
		}
		if _, err := c.syncInterval(); err != nil {
			fault("NATS_SYNC", "must be always, or a duration such as 1s")
		}
	}
	usedBy := map[string]string{}
	for _, s := range secrets {
		parts := strings.Split(s[1], ",")
		if len(parts) > 2 {
			fault(s[0], "holds more than two tokens")
		}
		for _, one := range parts {
			one = strings.TrimSpace(one)
			switch {
			case s[1] == "":
				fault(s[0], "is not set")
			case len(one) < secretLengthMin:
				fault(s[0], "must have %d characters or more", secretLengthMin)
			case strings.HasPrefix(s[0], "NATS_") && (len(one) > passwordLengthMax || len(parts) > 1):
				fault(s[0], "must be one password of at most %d characters", passwordLengthMax)
			case usedBy[one] != "":
				fault(s[0], "is the same as %s_%s", Prefix, usedBy[one])
			}
			usedBy[one] = s[0]
		}
	}
	return errors.Join(errs...)
}

func (c *Config) syncInterval() (time.Duration, error) {
	if c.NatsSync == "always" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.NatsSync)
	if err == nil && d <= 0 {
		err = errors.New("must be above 0")
	}
	return d, err
}

func (c *Config) policy() (p merge.Policy, nameErr, rulesErr error) {
	return merge.ParsePolicy(c.ConflictPolicy, c.ConflictRules, slices.Concat([]string{c.Side}, c.peerNames(), c.sides())...)
}

func (c *Config) tokens(issued httpapi.Issued, log *zap.Logger) *httpapi.Tokens {
	pins, _ := tlsfile.PeerPins(c.PeerPins, c.peerNames()) // Validate has read it
	t := httpapi.NewTokens(issued, log)
	t.PinPeers(pins)
	t.Add(access.Client, c.ClientToken)
	for _, p := range c.others() {
		t.AddPeer(p.name, p.tokens)
	}
	t.Add(access.Bridge, c.BridgeToken)
	t.Add(access.Admin, c.AdminToken)
	t.Add(access.Metrics, c.MetricsToken)
	return t
}

func (c *Config) broker(certificate *tlsfile.Pair) outbox.Options {
	sync, _ := c.syncInterval() // Validate has read it
	var secure *tls.Config
	if certificate != nil {
		secure = certificate.Server(false)
	}
	return outbox.Options{
		Side: c.Side, Peers: c.peerNames(), URL: c.NatsURL, CA: c.NatsCA, Replicas: c.NatsReplicas,
		Embedded: outbox.EmbeddedOptions{
			Addr: c.NatsAddr, StoreDir: c.NatsStoreDir, User: c.NatsUser, Password: c.NatsPassword,
			BridgePassword: c.NatsBridgePassword, OperatorPassword: c.NatsOperatorPassword, SyncInterval: sync, TLS: secure,
		},
	}
}
