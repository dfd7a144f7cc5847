//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/deploy/child"
)

const (
	module         = "github.com/orderbridge/orderbridge"
	startPatience  = 2 * time.Minute
	settlePatience = 5 * time.Minute
)

// plant is the two sides and the folder that they live in.
type plant struct {
	folder, binary string
	a, b           *side
}

func newPlant(dir string) (_ *plant, err error) {
	p := &plant{}
	if p.folder, err = os.MkdirTemp(dir, "orderbridge-bench-"); err != nil {
		return nil, err
	}
	p.binary = filepath.Join(p.folder, "orderbridge")
	const perSide = 3
	addresses, err := freeAddresses(2 * perSide)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.folder))
	}
	p.a = newSide("a", p.folder, addresses[:perSide])
	p.b = newSide("b", p.folder, addresses[perSide:])
	return p, nil
}

// start builds the program and brings both sides up.
func (p *plant) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := p.build(ctx); err != nil {
		return err
	}
	for _, step := range []func(s, peer *side) error{
		func(s, _ *side) error { return s.startDatabase(ctx) },
		// What is awaited looks after all that was started, so nothing is being started meanwhile.
		func(s, peer *side) error { return s.startService(p.binary, peer) },
		func(s, _ *side) error { return p.awaitService(ctx, s) },
		func(s, peer *side) error { return s.startBridge(p.binary, peer) },
		func(s, _ *side) error { return p.awaitBridge(ctx, s) },
	} {
		if err := p.both(step); err != nil {
			return err
		}
	}
	return nil
}

// startPrograms starts the service and the bridge of a side, and returns when both are ready.
func (p *plant) startPrograms(ctx context.Context, s, peer *side) error {
	if err := s.startService(p.binary, peer); err != nil {
		return err
	}
	if err := p.awaitService(ctx, s); err != nil {
		return err
	}
	if err := s.startBridge(p.binary, peer); err != nil {
		return err
	}
	return p.awaitBridge(ctx, s)
}

func (p *plant) awaitService(ctx context.Context, s *side) error {
	return p.awaitReady(ctx, s.service, s.url()+"/readyz")
}

func (p *plant) awaitBridge(ctx context.Context, s *side) error {
	return p.awaitReady(ctx, s.bridge, "http://"+s.healthAt+"/readyz")
}

// build builds the program.
func (p *plant) build(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", p.binary, module).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", module, err, out)
	}
	return nil
}

func (p *plant) awaitReady(ctx context.Context, c *program, address string) error {
	return until(ctx, startPatience, 50*time.Millisecond, c.name+" is ready", func() (bool, error) {
		if slices.ContainsFunc(p.programs(), (*program).ended) {
			return false, errors.New("a process has ended")
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
}

// until waits for a condition, asking every so often.
func until(ctx context.Context, patience, every time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(every):
		}
	}
}

// both does something for the two sides at once.
func (p *plant) both(do func(s, peer *side) error) error {
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { errs[0] = do(p.a, p.b) })
	wg.Go(func() { errs[1] = do(p.b, p.a) })
	wg.Wait()
	return errors.Join(errs[:]...)
}

func (p *plant) peerOf(s *side) *side {
	if s == p.a {
		return p.b
	}
	return p.a
}

// exec runs a statement in both databases of both sides.
func (p *plant) exec(ctx context.Context, statement string) error {
	return p.both(func(s, _ *side) error {
		for _, db := range []database{s.system, s.floor} {
			if _, err := db.work.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s on side %s: %w", statement, s.name, err)
			}
		}
		return nil
	})
}

// checkpoint lets a timed part begin with nothing left to write of the one before.
func (p *plant) checkpoint(ctx context.Context) error { return p.exec(ctx, "CHECKPOINT") }

// programs are the processes of orderbridge that were started.
func (p *plant) programs() (list []*program) {
	for _, c := range []*program{p.a.service, p.b.service, p.a.bridge, p.b.bridge, p.a.broker} {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}

// explain adds to an error what processes said that have ended meanwhile.
func (p *plant) explain(err error) error {
	for _, c := range p.programs() {
		if c.ended() {
			err = fmt.Errorf("%w\n%s has ended; %s", err, c.name, child.Tail(c.log))
		}
	}
	return err
}

// remove ends everything and leaves nothing behind.
func (p *plant) remove() error {
	err := p.both(func(s, _ *side) error { return s.stop() })
	return errors.Join(err, os.RemoveAll(p.folder))
}
