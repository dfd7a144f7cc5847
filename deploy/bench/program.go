//go:build linux

package main

import (
	"fmt"
	"path/filepath"

	"github.com/orderbridge/orderbridge/deploy/child"
)

// program is a running service or bridge.
type program struct {
	*child.Process
	name, log string
}

// startProgram runs `orderbridge command` as the service or the bridge of a side.
func (s *side) startProgram(kind, binary, command string, settings map[string]string) (*program, error) {
	p := &program{name: kind + " " + s.name, log: filepath.Join(s.folder, kind+".log")}
	var err error
	if p.Process, err = child.Start(binary, command, settings, p.log); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

func (p *program) ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}
