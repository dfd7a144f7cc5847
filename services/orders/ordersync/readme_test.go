package ordersync

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table and the picture in README.md are printed from Table, so they cannot lie.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	readme := string(data)
	for name, text := range map[string]string{"table": printedTable(), "diagram": printedDiagram()} {
		start := "<!-- printed by TestReadme: " + name + " -->\n"
		before, rest, ok := strings.Cut(readme, start)
		require.True(t, ok, "README.md has no place for the %s", name)
		_, after, ok := strings.Cut(rest, "<!-- end -->")
		require.True(t, ok, "the place for the %s has no end", name)
		readme = before + start + text + "<!-- end -->" + after
	}
	golden(t, "README.md", readme)
	for rule, row := range Extensions {
		require.Contains(t, readme, fmt.Sprintf("\n| %d | %s |", rule, row.Remark))
	}
}

func printedTable() string {
	var b strings.Builder
	b.WriteString("\n| received | was | becomes | sync | remark |\n|---|---|---|---|---|\n")
	for _, r := range Table {
		sync := "–"
		if r.Sync {
			sync = "+"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Received, stateText(r.Was), r.Becomes, sync, r.Remark)
	}
	b.WriteString("\n| state | meaning |\n|---|---|\n")
	for _, s := range States {
		fmt.Fprintf(&b, "| %s | %s |\n", s, s.Meaning())
	}
	return b.String() + "\n"
}

// printedDiagram shows which states lead where, and what must be received for it.
func printedDiagram() string {
	type edge struct{ was, becomes State }
	var edges []edge
	received := map[edge][]string{}
	for _, r := range Table {
		e := edge{r.Was, r.Becomes}
		if !slices.Contains(edges, e) {
			edges = append(edges, e)
		}
		received[e] = append(received[e], r.Received.String())
	}
	var b strings.Builder
	b.WriteString("\n```mermaid\nstateDiagram-v2\n    any: any state\n")
	for _, e := range edges {
		was := stateText(e.was)
		if e.was == None {
			was = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", was, e.becomes, strings.Join(received[e], ", "))
	}
	return b.String() + "```\n\n"
}
