//go:build !linux

package demo

import (
	"errors"

	"github.com/spf13/cobra"
)

// Command is `orderbridge demo`, which needs Linux.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run two sides or more on this machine, to try things (Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("the demo runs on Linux only: elsewhere use deploy/compose.yaml, or a Linux virtual machine")
		},
	}
}
