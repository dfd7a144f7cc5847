package observability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	folder    = "../../deploy/observability"
	rulesFile = folder + "/rules.yml"
)

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return data
}

func alertsOf(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	var file rulefmt.RuleGroups
	require.NoError(t, yaml.Unmarshal(readFile(t, rulesFile), &file))
	alerts := map[string]rulefmt.Rule{}
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert != "" {
				alerts[rule.Alert] = rule
			}
		}
	}
	require.NotEmpty(t, alerts)
	return alerts
}

func TestEveryAlertHasItsSectionInTheRunbook(t *testing.T) {
	const runbook = "https://github.com/orderbridge/orderbridge/blob/main/docs/runbook.md#"
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(readFile(t, "../../docs/runbook.md")), -1) {
		sections[heading[1]] = true
	}
	alerts := alertsOf(t)
	for name, rule := range alerts {
		require.True(t, sections[name], "docs/runbook.md has no section %s", name)
		require.Equal(t, runbook+strings.ToLower(name), rule.Annotations["runbook_url"])
		require.NotEmpty(t, rule.Annotations["summary"], name)
		require.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], name)
	}
	for name := range sections {
		require.Contains(t, alerts, name, "docs/runbook.md has a section without an alert")
	}
}

func TestPrometheusAcceptsItsConfiguration(t *testing.T) {
	c, err := config.LoadFile(folder+"/prometheus.yml", false, promslog.NewNopLogger())
	require.NoError(t, err)
	require.Equal(t, []string{"/etc/prometheus/rules.yml"}, c.RuleFiles)
}

// TestTheDashboardFitsTheSchemaOfGrafana decodes it strictly into Grafana's own types.
func TestTheDashboardFitsTheSchemaOfGrafana(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	var d dashboard.Dashboard
	require.Empty(t, d.UnmarshalJSONStrict(readFile(t, folder+"/grafana/orderbridge.json"))) // a list of faults
	require.NoError(t, d.Validate())

	var sources struct {
		Datasources []struct{ UID string }
	}
	require.NoError(t, yaml.Unmarshal(readFile(t, folder+"/grafana/datasources.yml"), &sources))
	var placed struct {
		Panels []struct {
			ID         int
			Type       string
			Title      string
			Datasource struct{ UID string }
			GridPos    struct{ X, Y, W, H int }
		}
	}
	require.NoError(t, json.Unmarshal(readFile(t, folder+"/grafana/orderbridge.json"), &placed))
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range placed.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			require.Less(t, x, 24, p.Title)
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[[2]int{x, y}], "%s lies on another panel", p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			require.Equal(t, sources.Datasources[0].UID, p.Datasource.UID, p.Title)
		}
	}
	found, err := filepath.Glob(folder + "/grafana/*.json")
	require.NoError(t, err)
	require.Len(t, found, 1, "the one dashboard that these tests read")
}
