//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// rigFault damages the rig for as long as hold waits, or kills something that startAll starts again.
type rigFault struct {
	name string
	do   func(r *rand.Rand, hold func())
}

// faults are all that can happen to a side of the rig.
func (g *rig) faultsOf(i int) []rigFault {
	r := g.rigs[i]
	name := r.side.name
	list := []rigFault{
		{"the line from bridge " + name + " to the peer is bad", badLine(r.peerLine)},
		{"the line from bridge " + name + " to its own service is bad", badLine(r.ownLine)},
		{"requests of bridge " + name + " arrive twice, and late", repeated(r.ownLine, r.peerLine)},
		{"the line to database " + name + " is bad", badWire(r.databaseLine)},
		{"the line to broker " + name + " is bad", badWire(r.natsLine)},
		{"one service of " + name + " is killed", kills(r.services[0])},
		{"both services of " + name + " are killed", kills(r.services[0], r.services[1])},
		{"broker " + name + " is killed", kills(r.nats)},
		{"bridge " + name + " is killed", kills(r.bridge)},
		{"bridge " + name + " stands still", standsStill(r.bridge)},
		{"database " + name + " is killed whole", func(_ *rand.Rand, hold func()) {
			r.database.kill()
			hold()
		}},
		{"the disk of database " + name + " is full", fullDisk(r.database)},
		{"power cut at " + name, func(_ *rand.Rand, hold func()) {
			g.powerCut(r)
			hold()
		}},
	}
	return list
}

// powerCut ends everything of some sides at once.
func (g *rig) powerCut(sides ...*rigSide) {
	var all sync.WaitGroup
	for _, r := range sides {
		for _, p := range []*part{r.bridge, r.services[0], r.services[1], r.nats} {
			all.Go(p.kill)
		}
		all.Go(r.database.kill)
	}
	all.Wait()
}

func kills(parts ...*part) func(*rand.Rand, func()) {
	return func(_ *rand.Rand, hold func()) {
		for _, p := range parts {
			p.kill()
		}
		hold()
	}
}

func standsStill(p *part) func(*rand.Rand, func()) {
	return func(_ *rand.Rand, hold func()) {
		p.signal(syscall.SIGSTOP)
		hold()
		p.signal(syscall.SIGCONT)
	}
}

// badLine damages one kind of answers after the other.
func badLine(p *proxy) func(*rand.Rand, func()) {
	return func(r *rand.Rand, hold func()) {
		for range 2 {
			l := lines[r.IntN(len(lines))]
			p.damage(l.fault, l.before)
			hold()
			p.heal()
		}
	}
}

// fullDisk lets the server write no file beyond some size, which PostgreSQL takes for a full disk. The size is a little
// above that of its largest table, so that it is the log that cannot be written, and the server ends.
func fullDisk(d *database) func(*rand.Rand, func()) {
	return func(_ *rand.Rand, hold func()) {
		d.limitFiles(fmt.Sprintf("%d:", d.largestTable()+1<<20))
		hold()
		d.limitFiles("unlimited:")
	}
}

func (d *database) largestTable() int64 {
	var largest int64
	files, _ := filepath.Glob(filepath.Join(d.options.Dir, "data/base/*/*")) // the only error is a malformed pattern
	for _, file := range files {
		if info, err := os.Stat(file); err == nil { // it may be gone again
			largest = max(largest, info.Size())
		}
	}
	return largest
}

// limitFiles sets how large a file of the server may become, for prlimit.
func (d *database) limitFiles(limit string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pid := range append(childrenOf(d.present.PID()), d.present.PID()) {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err != nil {
			continue // it has ended
		}
		owner := info.Sys().(*syscall.Stat_t)
		cmd := exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+limit)
		if os.Geteuid() == 0 { // the server's user may do it, and root not everywhere
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		}
		_ = cmd.Run() // it may have ended
	}
}

// repeatedLate is the longest time after which a request arrives a second time.
var repeatedLate = 5 * time.Second

// repeated has a third of the requests arrive twice, some at once and some long after their time.
func repeated(ps ...*proxy) func(*rand.Rand, func()) {
	return func(r *rand.Rand, hold func()) {
		var mu sync.Mutex // both lines ask
		again := func() (bool, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			later := time.Duration(0)
			if r.IntN(2) == 0 {
				later = time.Duration(r.Int64N(int64(repeatedLate)))
			}
			return r.IntN(3) == 0, later
		}
		for _, p := range ps {
			p.repeat(again)
		}
		hold()
		for _, p := range ps {
			p.repeat(nil)
		}
	}
}

// badWire damages the bytes on their way to a database or a broker.
func badWire(w *wire) func(*rand.Rand, func()) {
	return func(r *rand.Rand, hold func()) {
		for range 2 {
			switch r.IntN(4) {
			case 0:
				w.cut()
			case 1:
				w.tear(1 + r.IntN(300))
			case 2:
				w.stall()
			case 3:
				w.refuse()
			}
			hold()
			w.heal()
		}
	}
}

// awaitLate waits until the last request has arrived for the second time.
func (g *rig) awaitLate(t testing.TB) {
	t.Helper()
	began := time.Now()
	for _, r := range g.rigs {
		r.ownLine.late.Wait()
		r.peerLine.late.Wait()
	}
	if took := time.Since(began); took > worthTelling {
		t.Logf("%s  waited %s for requests that were late", clock(), took.Round(time.Second))
	}
}
