//go:build linux

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/deploy/child"
	"github.com/orderbridge/orderbridge/deploy/packages"
	"github.com/orderbridge/orderbridge/deploy/pgcluster"
)

const (
	pollEvery     = 50 * time.Millisecond
	portPatience  = 5 * time.Second // for a demo that was killed a moment ago
	readyPatience = 3 * time.Minute // on a busy machine
)

// Options of a demo.
type Options struct {
	Dir      string
	PortBase int
	Sides    int
	Topology string    // a name of topologies
	Fresh    bool      // remove the data of earlier runs
	Seed     int       // orders to make on each side, or in the shop, when there are none
	TLS      bool      // certificates of its own, and pinned peers
	Shop     string    // what side b is a connector to: simulated, tryton, or nothing
	Program  string    // orderbridge itself, run for each service and bridge
	Out      io.Writer // progress and advice, for people
}

// demo is one that runs.
type demo struct {
	options Options
	started time.Time
	folder  *folder
	sides   []*side
	behind  behind // nil without a shop

	databases, services, bridges []*keeper

	mu      sync.Mutex // one line, and one demo.env, at a time
	envKept bool       // demo.env is there, and to be kept current
}

// Run runs all sides until ctx is done, and ends in order.
func Run(ctx context.Context, o Options) (err error) {
	if o.Seed < 0 {
		return errors.New("--seed must be 0 or more")
	}
	if err := checkGraph(o.Sides, o.Topology); err != nil {
		return err
	}
	d := &demo{options: o, started: time.Now()}
	if d.folder, err = openFolder(o.Dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.folder.close()) }()
	if err := d.prepare(ctx); err != nil {
		return unlessAsked(ctx, err)
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx); err != nil {
		return unlessAsked(ctx, err)
	}
	<-ctx.Done()
	return nil
}

// unlessAsked forgets an error that only says that somebody has asked us to end.
func unlessAsked(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (d *demo) prepare(ctx context.Context) error {
	patience := time.Duration(0)
	if d.folder.used {
		patience = portPatience
	}
	d.sides = newSides(d.folder, d.options.PortBase, d.options.Sides, d.options.Topology)
	if err := d.chooseBehind(); err != nil {
		return err
	}
	if err := awaitPorts(ctx, d.options.PortBase, d.options.Sides, d.behind != nil, patience); err != nil {
		return err
	}
	if err := removeEnv(d.folder.path); err != nil {
		return err
	}
	if d.options.Fresh && d.folder.used {
		for _, s := range d.sides {
			if err := s.clear(ctx); err != nil {
				return err
			}
		}
		for _, of := range []string{shopFile, trytonFolder} {
			if err := os.RemoveAll(d.folder.in(of)); err != nil {
				return err
			}
		}
		d.say("removed the data of earlier runs in %s", d.options.Dir)
	}
	for _, s := range d.sides {
		if err := os.MkdirAll(s.folder, folderMode); err != nil {
			return err
		}
	}
	if d.options.TLS {
		if err := d.certify(); err != nil {
			return err
		}
	}
	return packages.Ensure(ctx, d.options.Out, pgcluster.PostgreSQL)
}

// start brings everything up, each kind on all sides at once, and tells the user what to do with it.
func (d *demo) start(ctx context.Context) error {
	d.hire()
	if err := d.bring(ctx, "PostgreSQL", d.databases, nil); err != nil {
		return err
	}
	if d.behind != nil {
		if err := d.behind.start(ctx); err != nil {
			return err
		}
	}
	if err := d.bring(ctx, "services", d.services, func(s *side) string { return s.url() + "/readyz" }); err != nil {
		return err
	}
	if err := d.bring(ctx, "bridges", d.bridges, func(s *side) string { return s.bridgeURL() + "/readyz" }); err != nil {
		return err
	}
	if err := d.addPeople(ctx); err != nil {
		return err
	}
	if err := d.seed(ctx); err != nil {
		return err
	}
	if err := d.keepEnv(); err != nil {
		return err
	}
	d.say("ready; Ctrl-C ends it")
	return d.guide()
}

// bring starts one kind of part on all sides. Ready is the address to ask, if there is more to know than that it runs.
func (d *demo) bring(ctx context.Context, kind string, keepers []*keeper, ready func(*side) string) error {
	err := d.each(func(i int) error {
		k := keepers[i]
		if err := k.run(ctx); err != nil || ready == nil {
			return err
		}
		return awaitReady(ctx, k, d.sides[i].client(), ready(d.sides[i]))
	})
	if err == nil {
		var pids []string
		for _, k := range keepers {
			pids = append(pids, strconv.Itoa(k.pid()))
		}
		d.say("%s %s are ready, processes %s", kind, namesOf(d.sides), strings.Join(pids, ", "))
	}
	return err
}

// hire makes the keepers of all parts.
func (d *demo) hire() {
	for i, s := range d.sides {
		d.databases = append(d.databases, d.keeper("PostgreSQL "+s.name, filepath.Join(postgresFolder(s.folder), "postgres.log"),
			func(ctx context.Context) (part, error) { return startDatabase(ctx, s) }))
		d.services = append(d.services, d.keeper("service "+s.name, s.log("service"), func(context.Context) (part, error) {
			command, settings := "serve", s.serviceSettings()
			if d.behind != nil && i == 1 {
				command = "connector"
				maps.Copy(settings, d.behind.settings())
			}
			return child.Start(d.options.Program, command, settings, s.log("service"))
		}))
		d.bridges = append(d.bridges, d.keeper("bridge "+s.name, s.log("bridge"), func(context.Context) (part, error) {
			return child.Start(d.options.Program, "bridge", s.bridgeSettings(), s.log("bridge"))
		}))
	}
}

func (d *demo) keeper(name, log string, start func(context.Context) (part, error)) *keeper {
	again := func() {
		if err := d.refreshEnv(); err != nil {
			d.say("%s is out of date: %v", envFileName, err)
		}
	}
	return &keeper{name: name, log: log, start: start, say: d.say, again: again}
}

func startDatabase(ctx context.Context, s *side) (part, error) {
	c, err := pgcluster.Start(ctx, s.database())
	if err != nil {
		return nil, err
	}
	if err := c.CreateDatabase(ctx, databaseName); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// stop ends everything that runs: bridges first, so that nothing is cut off in the middle.
func (d *demo) stop() error {
	d.say("stopping")
	err := d.dropEnv()
	end := func(keepers []*keeper) {
		err = errors.Join(err, d.each(func(i int) error { return keepers[i].stop() }))
	}
	end(d.bridges)
	end(d.services)
	if d.behind != nil {
		err = errors.Join(err, d.behind.stop(context.Background()))
	}
	end(d.databases)
	d.say("stopped; the data stay in %s", d.options.Dir)
	return err
}

// keepEnv writes demo.env, and has it written anew whenever a process number changes.
func (d *demo) keepEnv() error {
	d.mu.Lock()
	d.envKept = true
	d.mu.Unlock()
	return d.refreshEnv()
}

func (d *demo) dropEnv() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.envKept = false
	return removeEnv(d.folder.path)
}

func (d *demo) refreshEnv() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.envKept {
		return nil
	}
	var variables []variable
	for i, s := range d.sides {
		for _, v := range []variable{
			{"URL", s.url()},
			{"ADMIN_URL", s.url() + "/admin"},
			{"BRIDGE_URL", s.bridgeURL()},
			{"NATS_URL", s.natsOperatorURL()},
			{"NATS_SERVICE_URL", s.natsServiceURL()},
			{"NATS_BRIDGE_URL", s.natsBridgeURL()},
			{"DATABASE_URL", s.databaseURL()},
			{"CLIENT_TOKEN", s.secrets.client},
			{"ADMIN_TOKEN", s.secrets.admin},
			{"PERSON", personName},
			{"PERSON_PASSWORD", s.secrets.person},
			{"PEER_TOKEN", s.peerTokens[s.peers[0].name]},
			{"BRIDGE_TOKEN", s.secrets.bridge},
			{"METRICS_TOKEN", s.secrets.metrics},
			{"SERVICE_PID", strconv.Itoa(d.services[i].pid())},
			{"BRIDGE_PID", strconv.Itoa(d.bridges[i].pid())},
			{"POSTGRES_PID", strconv.Itoa(d.databases[i].pid())},
		} {
			variables = append(variables, variable{strings.ToUpper(s.name) + "_" + v.name, v.value})
		}
		for _, peer := range s.peers {
			variables = append(variables, variable{strings.ToUpper(s.name + "_PEER_TOKEN_" + peer.name), s.peerTokens[peer.name]})
		}
	}
	if d.options.TLS {
		variables = append(variables, variable{"ORDERBRIDGE_CA", d.sides[0].tls.ca}, variable{"CURL_CA_BUNDLE", d.sides[0].tls.ca}, variable{"NATS_CA", d.sides[0].tls.ca})
	}
	if d.behind != nil {
		variables = append(variables, d.behind.variables()...)
	}
	return writeEnv(filepath.Join(d.folder.path, envFileName), variables)
}

// say prints a line of progress. A terminal that is gone is no reason to end the demo.
func (d *demo) say(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = fmt.Fprintf(d.options.Out, "%6.1fs  %s\n", time.Since(d.started).Seconds(), fmt.Sprintf(format, args...))
}

// each does something for all sides at once.
func (d *demo) each(do func(i int) error) error {
	errs := make([]error, len(d.sides))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
