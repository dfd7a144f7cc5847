package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// table prints rows in columns.
type table struct{ w *tabwriter.Writer }

func newTable(out io.Writer, head ...any) *table {
	t := &table{tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
	if len(head) > 0 {
		t.row(head...)
	}
	return t
}

// row adds a row. An error of the writer is told by end.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = Plain(fmt.Sprint(c))
	}
	fmt.Fprintln(t.w, strings.TrimRight(strings.Join(texts, "\t"), "\t"))
}

func (t *table) end() error { return t.w.Flush() }

// Plain takes from a text what could steer a terminal or hide what stands there.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// shortened keeps a text within so many characters.
func shortened(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// age says how long ago something was.
func age(since, now time.Time) string {
	d := max(0, now.Sub(since))
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// printJSON prints an answer for scripts.
func printJSON(cmd *cobra.Command, body []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), b.String())
	return err
}

// encode writes a value as JSON without the escapes that HTML needs, which make a text up to six times as long.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// printValue prints what was put together here for scripts.
func printValue(cmd *cobra.Command, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	return printJSON(cmd, body)
}

// output is the flag -o.
type output string

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "table|json" }

// Set implements pflag.Value.
func (o *output) Set(s string) error {
	if s != "table" && s != "json" {
		return fmt.Errorf("must be table or json")
	}
	*o = output(s)
	return nil
}

// outputFlag lets a command print JSON instead of a table.
func outputFlag(cmd *cobra.Command) *output {
	o := output("table")
	cmd.Flags().VarP(&o, "output", "o", "table, or json for scripts")
	return &o
}

// quietFlag lets a command print ids only, for scripts.
func quietFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("quiet", "q", false, "print only the id")
}

// onTerminal tells whether a person sits at a stream.
func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// confirmed asks a person whether to go on. Where none is there to ask, the command needs --yes.
func confirmed(cmd *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if !onTerminal(cmd.InOrStdin()) {
		return usage("%s Say --yes to do it", question)
	}
	if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	case "":
		if err != nil { // nobody is there after all
			return usage("%s Say --yes to do it", question)
		}
	}
	return coded{fmt.Errorf("nothing was done"), ExitFailed}
}
