package command

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/orderbridge/orderbridge/services/connector"
	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/profile"
	"github.com/orderbridge/orderbridge/services/connector/profiles"
	"github.com/orderbridge/orderbridge/services/connector/rest"
	"github.com/orderbridge/orderbridge/services/connector/tryton"
	"github.com/orderbridge/orderbridge/settings"
)

// Prefix of the connector's settings.
const Prefix = "CONNECTOR"

// Config is the settings of a connector, besides those of the Orders service that it is.
type Config struct {
	Profile      string        `split_words:"true" desc:"name of a profile that comes with the program, or a folder with profile.yaml and samples"`
	URL          string        `split_words:"true" desc:"address of the system, https://shop.example"`
	InsecureURL  bool          `split_words:"true" default:"false" desc:"let the address be plain http on another machine, where the key can be stolen; for trials only"`
	Key          string        `split_words:"true" secret:"true" desc:"user or key at the system"`
	Secret       string        `split_words:"true" secret:"true" desc:"password or secret of the key"`
	Database     string        `split_words:"true" desc:"database at the system, for Tryton"`
	Web          string        `split_words:"true" desc:"address of the system's own pages, for links, where it is another one"`
	Mode         string        `split_words:"true" default:"dry-run" desc:"off, dry-run (reads the system, reports, and changes nothing on either side) or on"`
	Poll         time.Duration `split_words:"true" default:"10s" desc:"pause between looks for what changed in the system"`
	Sweep        time.Duration `split_words:"true" default:"6h" desc:"time between reads of all orders of the system, which find what no time shows; 0: only at the start"`
	Gone         time.Duration `split_words:"true" default:"1m" desc:"time after which an order that the system does not have is asked for again before it counts as deleted"`
	Timeout      time.Duration `split_words:"true" default:"30s" desc:"longest time of one call"`
	Rate         float64       `split_words:"true" default:"0" desc:"calls a second at most; 0: as the profile says"`
	Calls        int           `split_words:"true" default:"0" desc:"calls at once at most; 0: as the profile says"`
	Longest      time.Duration `split_words:"true" default:"0" desc:"time after which a request whose answer was lost has had its effect or never will; a write that was cut off waits as long; 0: as the profile says"`
	HintsSecret  string        `split_words:"true" secret:"true" desc:"secret that the system signs its notices (webhooks) with; unset: none are taken"`
	HintsHeader  string        `split_words:"true" default:"X-WC-Webhook-Signature" desc:"header with the base64 HMAC-SHA256 of a notice"`
	HintsOrderID string        `split_words:"true" default:"id" desc:"member of a notice that is the order's id in the system"`
}

// Load reads the settings and refuses what cannot work.
func Load() (*Config, error) {
	var c Config
	if err := settings.Load(Prefix, &c); err != nil {
		return nil, err
	}
	return &c, c.Validate()
}

// trytonSystem is the profile whose system is spoken to by code.
const trytonSystem = "tryton"

// Validate reports all faults at once, and no secret in any of them.
func (c *Config) Validate() error {
	var errs []error
	fault := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s_%s %s", Prefix, name, fmt.Sprintf(format, args...)))
	}
	if c.Profile == "" {
		fault("PROFILE", "is not set: one of %s, or a folder", strings.Join(profiles.Names(), ", "))
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "":
		fault("URL", "must be an address, https://host")
	case u.Scheme == "http" && !c.InsecureURL && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
		fault("URL", "must be https, or set %s_INSECURE_URL=true for a trial", Prefix)
	}
	if !slices.Contains(connector.Modes, connector.Mode(c.Mode)) {
		fault("MODE", "must be off, dry-run or on")
	}
	for _, d := range []struct {
		name string
		is   time.Duration
	}{{"POLL", c.Poll}, {"GONE", c.Gone}, {"TIMEOUT", c.Timeout}} {
		if d.is < 100*time.Millisecond {
			fault(d.name, "must be 100ms or more")
		}
	}
	if c.Sweep < 0 {
		fault("SWEEP", "must be 0 or more")
	}
	if c.Longest < 0 {
		fault("LONGEST", "must be 0 or more")
	}
	if c.Rate < 0 {
		fault("RATE", "must be 0 or more")
	}
	if c.Calls < 0 || c.Calls > 64 {
		fault("CALLS", "must be from 0 to 64")
	}
	if c.HintsSecret != "" && (c.HintsHeader == "" || c.HintsOrderID == "") {
		fault("HINTS_SECRET", "needs %s_HINTS_HEADER and %s_HINTS_ORDER_ID", Prefix, Prefix)
	}
	return errors.Join(errs...)
}

// open makes the system and the mapping of the settings. A call must have ended by the time at which it counts as
// one that never will have an effect.
func (c *Config) open() (foreign.System, *profile.Mapping, error) {
	s, m, err := c.openAny()
	if err == nil && c.Longest > 0 {
		s = longest{s, c.Longest}
	}
	if err == nil && c.Timeout > s.Traits().LongestRequest {
		err = fmt.Errorf("%s_TIMEOUT must not be above %s, the longest request of %s", Prefix, s.Traits().LongestRequest, m.Name())
	}
	return s, m, err
}

// longest is a system with another longest request than its profile says.
type longest struct {
	foreign.System
	request time.Duration
}

// Traits implements foreign.System.
func (l longest) Traits() foreign.Traits {
	t := l.System.Traits()
	t.LongestRequest = l.request
	return t
}

func (c *Config) openAny() (foreign.System, *profile.Mapping, error) {
	m, err := c.mapping()
	if err != nil {
		return nil, nil, fmt.Errorf("%s_PROFILE: %w", Prefix, err)
	}
	if m.Name() == trytonSystem {
		s, err := tryton.New(tryton.Options{URL: c.URL, Database: c.Database, User: c.Key, Password: c.Secret, Web: c.Web})
		return s, m, err
	}
	s, err := rest.New(m, rest.Config{Address: c.URL, Key: c.Key, Secret: c.Secret, Timeout: c.Timeout, Rate: c.Rate, AtOnce: c.Calls})
	return s, m, err
}

func (c *Config) mapping() (*profile.Mapping, error) {
	if slices.Contains(profiles.Names(), c.Profile) {
		return profiles.Load(c.Profile)
	}
	return profile.Load(os.DirFS(c.Profile))
}
