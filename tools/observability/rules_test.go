package observability

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/stretchr/testify/require"
)

// alertCase is one alert over time. The series are in the notation of promtool: a value and how often it
// repeats, one sample a step.
type alertCase struct {
	alert  string
	step   time.Duration
	series map[string]string
	quiet  time.Duration // it does not fire yet
	fires  time.Duration // it fires
	labels string        // with these, and the severity of the rule
	text   string        // a part of its summary
}

const minute, hour = time.Minute, time.Hour

var alertCases = []alertCase{
	{"OrderbridgeTargetDown", minute, map[string]string{
		`up{job="orderbridge-bridge",instance="bridge-a:8081",side="a"}`: `1x2 0x20`,
		`up{job="node",instance="bridge-a:9100",side="a"}`:               `0x20`,
	}, 4 * minute, 5 * minute, `{job="orderbridge-bridge",instance="bridge-a:8081",side="a"}`, "orderbridge-bridge bridge-a:8081 of side a"},
	{"OrderbridgeBehind", minute, map[string]string{
		`orderbridge_oldest_pending_seconds{side="a",instance="1",peer="b"}`: `0+60x20`,
		`orderbridge_oldest_pending_seconds{side="a",instance="2",peer="b"}`: `0+60x20`,
		`orderbridge_oldest_pending_seconds{side="b",instance="1",peer="a"}`: `300x20`,
	}, 6 * minute, 7 * minute, `{side="a",peer="b"}`, "pending towards b for 7m"},
	{"OrderbridgeLinkHeld", minute, map[string]string{
		`orderbridge_link_held{side="a",instance="1",peer="b"}`: `0x3 1x20`,
	}, 3 * minute, 4 * minute, `{side="a",peer="b"}`, "the link to b is held"},
	{"OrderbridgeBrakeTripped", minute, map[string]string{
		`orderbridge_brake_tripped{side="b",instance="1",peer="a",what="deletions"}`:    `0x3 1x20`,
		`orderbridge_brake_tripped{side="b",instance="1",peer="a",what="replacements"}`: `0x30`,
	}, 3 * minute, 4 * minute, `{side="b",peer="a",what="deletions"}`, "holds deletions of a"},
	{"OrderbridgeDatabaseUnreachable", minute, map[string]string{
		`orderbridge_figures_error{side="a",instance="1"}`: `0x3 1x20`,
		`orderbridge_figures_error{side="a",instance="2"}`: `0x3 1 0x20`,
	}, 5 * minute, 6 * minute, `{side="a",instance="1"}`, "1 cannot read its database"},
	{"OrderbridgeBrokerNotWorking", minute, map[string]string{
		`orderbridge_broker_working{side="a",instance="1"}`: `1x3 0x20`,
		`orderbridge_broker_working{side="b",instance="1"}`: `1x30`,
	}, 5 * minute, 6 * minute, `{side="a",instance="1"}`, "does not take or deliver hints"},
	{"OrderbridgeOutboxStuck", minute, map[string]string{
		`orderbridge_outbox_oldest_seconds{side="a",instance="1"}`: `0+60x20`,
		`orderbridge_outbox_oldest_seconds{side="b",instance="1"}`: `300x20`,
	}, 6 * minute, 7 * minute, `{side="a"}`, "in the outbox for 7m"},
	{"OrderbridgeUnauthorized", minute, map[string]string{
		`orderbridge_bridge_unauthorized{side="a",instance="1",peer="b"}`: `0x3 1x20`,
	}, 4 * minute, 5 * minute, `{side="a",instance="1",peer="b"}`, "refuses the token of bridge 1"},
	{"OrderbridgeCircuitOpen", minute, map[string]string{
		`orderbridge_bridge_circuit_state{side="a",instance="1",peer="b"}`: `0x3 2x20`,
		`orderbridge_bridge_circuit_state{side="a",instance="2",peer="b"}`: `1x30`,
	}, 8 * minute, 9 * minute, `{side="a",instance="1",peer="b"}`, "fails on its way to b"},
	{"OrderbridgeHandshakesFailing", minute, map[string]string{
		`orderbridge_handshakes_failing_seconds{side="a",instance="1",peer="b"}`: `0 60+60x20`,
		`orderbridge_handshakes_failing_seconds{side="b",instance="1",peer="a"}`: `60x20`,
	}, 3 * minute, 4 * minute, `{side="a",peer="b"}`, "have failed for 4m"},
	{"OrderbridgeBridgeSilent", minute, map[string]string{
		`orderbridge_bridges_silent{side="a",instance="1",peer="b"}`: `0x3 1x20`,
	}, 5 * minute, 6 * minute, `{side="a",peer="b"}`, "1 bridge to b no longer reports"},
	{"OrderbridgeRequestsFailing", minute, map[string]string{
		`orderbridge_http_request_duration_seconds_count{side="a",instance="1",code="200",method="PUT",route="/orders/{id}"}`: `0+90x30`,
		`orderbridge_http_request_duration_seconds_count{side="a",instance="1",code="503",method="PUT",route="/orders/{id}"}`: `0+10x30`,
		`orderbridge_http_request_duration_seconds_count{side="b",instance="1",code="200",method="PUT",route="/orders/{id}"}`: `0+95x30`,
		`orderbridge_http_request_duration_seconds_count{side="b",instance="1",code="503",method="PUT",route="/orders/{id}"}`: `0+5x30`,
		`orderbridge_http_request_duration_seconds_count{side="c",instance="1",code="200",method="PUT",route="/orders/{id}"}`: `0+9x30`,
	}, 10 * minute, 11 * minute, `{side="a"}`, "answers 10% of its requests"},
	{"OrderbridgeOrderRetried", minute, map[string]string{
		`orderbridge_retried_deliveries_max{side="a",instance="1",peer="b"}`: `0 3 6 7x20`,
		`orderbridge_retried_deliveries_max{side="b",instance="1",peer="a"}`: `6x20`,
	}, 3 * minute, 4 * minute, `{side="a",peer="b"}`, "an order failed 7 times"},
	{"OrderbridgeNotProvedEqual", 30 * minute, map[string]string{
		`orderbridge_link_held{side="a",instance="1",peer="b"}`:                `0x40`,
		`orderbridge_proved_equal_age_seconds{side="a",instance="1",peer="b"}`: `0+1800x40`,
		`orderbridge_link_held{side="b",instance="1",peer="a"}`:                `0x40`,
		`orderbridge_proved_equal_age_seconds{side="b",instance="1",peer="a"}`: `43200x40`,
	}, 13 * hour, 13*hour + 30*minute, `{side="a",peer="b"}`, "not verified equal"},
	{"OrderbridgeNotProvedEqual", 30 * minute, map[string]string{
		`orderbridge_link_held{side="a",instance="1",peer="b"}`: `0x10`,
	}, 30 * minute, hour, `{side="a",peer="b"}`, "not verified equal"},
	{"OrderbridgeCollisionsOpen", hour, map[string]string{
		`orderbridge_orders{side="a",instance="1",peer="b",state="COLLISION"}`: `0 2x30`,
		`orderbridge_orders{side="a",instance="1",peer="b",state="OK"}`:        `5x30`,
	}, 24 * hour, 25 * hour, `{side="a",peer="b",state="COLLISION"}`, "2 orders have been in collision"},
	{"OrderbridgeErrorsOpen", hour, map[string]string{
		`orderbridge_orders{side="a",instance="1",peer="b",state="ERROR"}`:        `0x30`,
		`orderbridge_orders{side="a",instance="1",peer="b",state="ERROR_SYNCED"}`: `0 1x30`,
	}, 24 * hour, 25 * hour, `{side="a",peer="b",state="ERROR_SYNCED"}`, "in ERROR_SYNCED towards b"},
	{"OrderbridgeInventedNumbers", minute, map[string]string{
		`orderbridge_invented_numbers_total{side="a",instance="1",peer="b"}`: `5x4 6x20`,
		`orderbridge_invented_numbers_total{side="b",instance="1",peer="a"}`: `5x30`,
	}, 4 * minute, 5 * minute, `{side="a",peer="b"}`, "b claims numbers"},
	{"OrderbridgeCleanUpStopped", 30 * minute, map[string]string{
		`orderbridge_cleanup_last_timestamp_seconds{side="a",instance="1"}`: `3600x60`,
		`orderbridge_cleanup_last_timestamp_seconds{side="b",instance="1"}`: `0x60`,
	}, 26 * hour, 26*hour + 30*minute, `{side="a"}`, "no clean-up began for 1d"},
	{"OrderbridgeStatusUnreadable", minute, map[string]string{
		`orderbridge_alarms_error{side="a",instance="1"}`: `0x3 1x20`,
	}, 8 * minute, 9 * minute, `{side="a",instance="1"}`, "cannot compute its status"},
	{"OrderbridgeAlarm", minute, map[string]string{
		`orderbridge_alarms{side="a",instance="1",peer="b"}`: `0x3 2x30`,
	}, 18 * minute, 19 * minute, `{side="a",peer="b"}`, "shows 2 alarms"},
	{"OrderbridgeShopUnreadable", minute, map[string]string{
		`orderbridge_connector_failing{side="b",instance="1"}`: `0x3 1x30`,
	}, 8 * minute, 9 * minute, `{side="b"}`, "cannot read its shop"},
	{"OrderbridgeConnectorWithoutLeader", minute, map[string]string{
		`orderbridge_connector_leads{side="b",instance="1"}`: `1x3 0x30`,
		`orderbridge_connector_leads{side="b",instance="2"}`: `0x40`,
		`orderbridge_connector_leads{side="c",instance="1"}`: `1x40`,
		`orderbridge_connector_leads{side="c",instance="2"}`: `0x40`,
	}, 8 * minute, 9 * minute, `{side="b"}`, "no process of the connector leads"},
	{"OrderbridgeShopAlarm", minute, map[string]string{
		`orderbridge_connector_alarms{side="b",instance="1"}`: `0x3 1x30`,
	}, 18 * minute, 19 * minute, `{side="b"}`, "1 alarms of the shop"},
}

// ruleGroups are the groups of the rules' file in its order, evaluated on a storage.
func ruleGroups(t *testing.T, engine *promql.Engine, s storage.Storage) []*rules.Group {
	t.Helper()
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(engine, s), AppendableV2: s, Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: promslog.NewNopLogger(),
		NameValidationScheme: model.LegacyValidation, Parser: parser.NewParser(parser.Options{}),
	})
	loaded, errs := m.LoadGroups(minute, labels.EmptyLabels(), "", nil, false, rulesFile)
	require.Empty(t, errs)
	groups := slices.SortedFunc(maps.Values(loaded), func(x, y *rules.Group) int { return -strings.Compare(x.Name(), y.Name()) })
	require.Equal(t, "orderbridge-recording", groups[0].Name(), "alerts use what is recorded")
	for _, g := range groups {
		for _, r := range g.Rules() {
			if alert, ok := r.(*rules.AlertingRule); ok {
				alert.SetRestored(true)
			}
		}
	}
	return groups
}

func evaluate(t *testing.T, groups []*rules.Group, at time.Time) {
	t.Helper()
	for _, g := range groups {
		g.Eval(context.Background(), at)
		for _, r := range g.Rules() {
			require.NoError(t, r.LastError(), r.Name())
		}
	}
}

func firing(groups []*rules.Group, name string) (all []*rules.Alert) {
	for _, g := range groups {
		for _, r := range g.Rules() {
			if alert, ok := r.(*rules.AlertingRule); ok && r.Name() == name {
				for _, a := range alert.ActiveAlerts() {
					if a.State == rules.StateFiring {
						all = append(all, a)
					}
				}
			}
		}
	}
	return all
}

func TestAlerts(t *testing.T) {
	all := alertsOf(t)
	tried := map[string]bool{}
	for _, c := range alertCases {
		tried[c.alert] = true
		t.Run(c.alert, func(t *testing.T) {
			var script strings.Builder
			fmt.Fprintf(&script, "load %s\n", model.Duration(c.step))
			for series, values := range c.series {
				fmt.Fprintf(&script, "  %s %s\n", series, values)
			}
			loader, err := promqltest.NewLazyLoader(script.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
			require.NoError(t, err)
			defer func() { require.NoError(t, loader.Close()) }()
			groups := ruleGroups(t, loader.QueryEngine(), loader.Storage())
			for passed := time.Duration(0); passed <= c.fires; passed += c.step {
				at := time.Unix(0, 0).UTC().Add(passed)
				loader.WithSamplesTill(at, func(err error) {
					require.NoError(t, err)
					evaluate(t, groups, at)
				})
				if passed <= c.quiet {
					require.Empty(t, firing(groups, c.alert), "after %s", passed)
				}
			}
			fired := firing(groups, c.alert)
			require.Len(t, fired, 1)
			want, err := parser.NewParser(parser.Options{}).ParseMetric(c.labels)
			require.NoError(t, err)
			b := labels.NewBuilder(want)
			b.Set(labels.AlertName, c.alert)
			b.Set("severity", all[c.alert].Labels["severity"])
			require.Equal(t, b.Labels().String(), fired[0].Labels.String())
			require.Contains(t, fired[0].Annotations.Get("summary"), c.text)
			require.NotContains(t, fired[0].Annotations.Get("summary"), "<no value>")
		})
	}
	for name := range all {
		require.True(t, tried[name], "no test lets %s fire", name)
	}
}
