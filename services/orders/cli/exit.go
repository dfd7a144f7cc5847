package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// The exit codes.
const (
	ExitFailed   = 1 // the side cannot be reached, refuses the token, or failed
	ExitUsage    = 2 // what was asked for cannot be: a wrong flag or argument, or content that the side refuses
	ExitPerson   = 3 // attention needed: an alarm, an open case, something that has changed meanwhile
	ExitNotFound = 4 // there is no such order, case, peer or reconciliation
)

// ExitHelp describes the exit codes, for the help of the program.
const ExitHelp = `Exit codes: 0 done; 1 failed; 2 wrong usage, or content that is refused; 3 attention
needed (an alarm, an open case, something changed meanwhile); 4 there is no such thing.`

// coded is an error with the exit code that it ends the program with.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

func usage(format string, args ...any) error { return coded{fmt.Errorf(format, args...), ExitUsage} }

func person(format string, args ...any) error { return coded{fmt.Errorf(format, args...), ExitPerson} }

// ExitCode is what the program ends with after an error.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if c, ok := errors.AsType[coded](err); ok {
		return c.code
	}
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		return ExitFailed
	}
	switch refused.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return ExitUsage
	case http.StatusNotFound, http.StatusGone:
		return ExitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed:
		return ExitPerson
	}
	return ExitFailed
}

// MarkUsage has all commands below root tell their wrong usage as such, unknown commands included.
func MarkUsage(root *cobra.Command) {
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return coded{err, ExitUsage} })
	mark(root)
}

func mark(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%w: %s", err, cmd.UseLine())
			}
			return nil
		}
	}
	if !cmd.Runnable() { // a group of commands
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			cmd.SuggestionsMinimumDistance = 2 // cobra's own default, which it sets too late
			hint := ""
			if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
				hint = "; did you mean " + strings.Join(similar, " or ") + "?"
			}
			return usage("%s has no command %q%s", cmd.CommandPath(), args[0], hint)
		}
	}
	for _, below := range cmd.Commands() {
		mark(below)
	}
}
