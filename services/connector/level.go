package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// straysMax is how many writes of a field in a row may change another field that was not written before the level is
// lowered. One is also what somebody's edit at that moment looks like, and so is a second one; a system that takes other
// fields along does it every time.
const straysMax = 3

// stray is a field that was written, and another one that changed with it.
type stray struct{ written, other string }

// part is the member of an order that a pointer is in: lines, of whatever below lines.
func part(pointer string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return name
}

// parts are the members that pointers are in, without some.
func parts(pointers, without []string) (list []string) {
	for _, p := range pointers {
		if name := part(p); !slices.Contains(list, name) && !slices.Contains(without, name) {
			list = append(list, name)
		}
	}
	return list
}

// wroteOnly takes note of a write after which nothing but what was written had changed.
func (c *Connector) wroteOnly(t *target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.strays) == 0 {
		return
	}
	for _, w := range differences(t.before, t.want) {
		maps.DeleteFunc(c.strays, func(s stray, _ int) bool { return s.written == part(w) })
	}
}

// strayed takes note of a write after which the system was seen to hold something else than was wanted, and lowers the
// level when it contradicts again and again that only what changed is written. The level stays so until the next probe.
func (c *Connector) strayed(ctx context.Context, written, other []string) error {
	wrote, also := parts(written, nil), parts(other, parts(written, nil))
	var proved *stray
	c.mu.Lock()
	maps.DeleteFunc(c.strays, func(s stray, _ int) bool {
		return slices.Contains(wrote, s.written) && !slices.Contains(also, s.other)
	})
	for _, w := range wrote {
		for _, o := range also {
			s := stray{w, o}
			if c.strays[s]++; c.strays[s] >= straysMax {
				proved = &s
			}
		}
	}
	c.mu.Unlock()
	if proved == nil {
		return nil
	}
	why := fmt.Sprintf("the last %d writes of %s changed %s too", straysMax, proved.written, proved.other)
	c.log.Warn("lowered the level to best effort", zap.String("reason", why))
	return c.records.Lower(ctx, why)
}

// level is what can be promised of edits: as the profile or adapter says, as the last probe saw, or lower by what writes
// were seen to do since.
func (c *Connector) level(ctx context.Context) (level string, probed bool, lowered string, err error) {
	result, lowered, err := c.records.Probed(ctx)
	if err != nil {
		return "", false, "", err
	}
	level = contracts.LevelDetects
	if c.system.Traits().Conditional {
		level = contracts.LevelLossless
	}
	if result != nil {
		probe := new(contracts.SystemProbe)
		if err := json.Unmarshal(result, probe); err != nil {
			return "", false, "", fmt.Errorf("read stored probe: %v", err)
		}
		level = probe.Level
	}
	if lowered != "" {
		level = contracts.LevelBestEffort
	}
	return level, result != nil, lowered, nil
}
