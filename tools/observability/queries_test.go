package observability

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"
)

// watched is a Prometheus of the tests: what was scraped, and an engine for queries at the time of the last scrape.
type watched struct {
	t       *testing.T
	storage storage.Storage
	engine  *promql.Engine
	at      time.Time
}

func newWatched(t *testing.T) *watched {
	s := teststorage.New(t)
	return &watched{t: t, storage: s, engine: promqltest.NewTestEngine(t, false, 5*time.Minute, 10_000_000), at: time.Now().Truncate(time.Second)}
}

// target is what prometheus.yml names a target.
type target struct{ job, instance, side, url, token string }

// scrape stores what a target exposes, and whether it could be reached.
func (w *watched) scrape(tg target) []byte {
	own := labels.FromStrings("job", tg.job, "instance", tg.instance, "side", tg.side)
	app := w.storage.AppenderV2(context.Background())
	add := func(l labels.Labels, v float64) {
		b := labels.NewBuilder(l)
		own.Range(func(one labels.Label) {
			require.Empty(w.t, l.Get(one.Name), "%s has a label of its own that scraping sets", l)
			b.Set(one.Name, one.Value)
		})
		_, err := app.Append(0, b.Labels(), 0, w.at.UnixMilli(), v, nil, nil, storage.AppendV2Options{})
		require.NoError(w.t, err)
	}
	body, contentType, err := fetch(tg.url, tg.token)
	if err != nil {
		add(labels.FromStrings(labels.MetricName, "up"), 0)
		require.NoError(w.t, app.Commit())
		return nil
	}
	add(labels.FromStrings(labels.MetricName, "up"), 1)
	p, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(w.t, err)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(w.t, err)
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		_, _, v := p.Series()
		p.Labels(&l)
		add(l, v)
	}
	require.NoError(w.t, app.Commit())
	return body
}

func fetch(url, token string) (body []byte, contentType string, err error) {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, res.Status, body)
	}
	return body, res.Header.Get("Content-Type"), err
}

func (w *watched) query(expr string) (promql.Vector, error) {
	q, err := w.engine.NewInstantQuery(context.Background(), w.storage, nil, expr, w.at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(context.Background())
	if res.Err != nil {
		return nil, res.Err
	}
	v, err := res.Vector()
	return append(promql.Vector(nil), v...), err // the engine takes its own back
}

// fault returns what a query names that is not there: a metric, or a label of it. Each selector of it must find
// data by itself, since an alert finds none as long as all is well.
func (w *watched) fault(expr string) error {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return err
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if err != nil {
			return nil
		}
		switch n := node.(type) {
		case *parser.VectorSelector:
			err = w.selectorFault(n)
		case *parser.AggregateExpr:
			if n.Without {
				return nil
			}
			var inner promql.Vector
			if inner, err = w.query(n.Expr.String()); err == nil {
				err = named(inner, n.Grouping)
			}
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", node, err)
		}
		return nil
	})
	return err
}

func (w *watched) selectorFault(s *parser.VectorSelector) error {
	bare, err := w.query(fmt.Sprintf("{__name__=%q}", s.Name))
	if err != nil {
		return err
	}
	if len(bare) == 0 {
		return errors.New("no such metric")
	}
	for _, m := range s.LabelMatchers {
		if err := named(bare, []string{m.Name}); m.Name != labels.MetricName && err != nil {
			return err
		}
	}
	found, err := w.query((&parser.VectorSelector{Name: s.Name, LabelMatchers: s.LabelMatchers}).String())
	if err == nil && len(found) == 0 {
		return errors.New("no data")
	}
	return err
}

// named returns an error unless each label is on one of the series.
func named(v promql.Vector, names []string) error {
	for _, name := range names {
		known := len(v) == 0 // an alert's comparison, whose selectors are looked at by themselves
		for _, s := range v {
			known = known || s.Metric.Get(name) != ""
		}
		if !known {
			return fmt.Errorf("no such label: %s", name)
		}
	}
	return nil
}

var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

// dashboardQueries are the queries of all panels, by title, as Grafana sends them for all sides.
func dashboardQueries(t *testing.T) (queries [][3]string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct {
			List []struct{ Name, AllValue, Definition string }
		}
	}
	require.NoError(t, json.Unmarshal(readFile(t, folder+"/grafana/orderbridge.json"), &d))
	require.Len(t, d.Templating.List, 1)
	side := d.Templating.List[0]
	require.Equal(t, "label_values(orderbridge_link_held, side)", side.Definition)
	replace := strings.NewReplacer("$"+side.Name, side.AllValue, "$__rate_interval", "1m")
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			queries = append(queries, [3]string{p.Title, replace.Replace(q.Expr), q.LegendFormat})
			require.NotContains(t, replace.Replace(q.Expr), "$", p.Title)
		}
	}
	require.Greater(t, len(queries), 30)
	return queries
}

// TestQueriesFindDataOfRunningSides scrapes two sides, one of them a connector to a simulated shop, while their
// orders are edited and a database fails, evaluates the rules, and executes every query of rules and dashboard.
func TestQueriesFindDataOfRunningSides(t *testing.T) {
	sides := startSides(t)
	w := newWatched(t)
	targets := append(sides.targets(), target{job: "orderbridge-bridge", instance: "stopped", side: "a", url: "http://127.0.0.1:1/metrics"})
	groups := ruleGroups(t, w.engine, w.storage)
	exposed := map[string][]byte{}
	for round := range 14 {
		w.at = w.at.Add(15 * time.Second) // what happens meanwhile takes less
		sides.edit(round)
		if round == 4 {
			sides.failDatabase()
		}
		for _, tg := range targets {
			body := w.scrape(tg)
			require.True(t, body != nil || tg.instance == "stopped" || round > 0, tg.instance)
			if body != nil {
				exposed[tg.instance] = body
			}
		}
		evaluate(t, groups, w.at)
	}
	require.Len(t, exposed, 4)

	t.Run("rules", func(t *testing.T) {
		for _, g := range groups {
			for _, r := range g.Rules() {
				require.NoError(t, w.fault(r.Query().String()), r.Name())
				if g.Name() == "orderbridge-recording" {
					recorded, err := w.query(r.Name())
					require.NoError(t, err)
					require.NotEmpty(t, recorded, r.Name())
				}
			}
		}
		require.NotEmpty(t, firing(groups, "OrderbridgeTargetDown"))
	})

	t.Run("dashboard", func(t *testing.T) {
		for _, q := range dashboardQueries(t) {
			title, expr, legend := q[0], q[1], q[2]
			require.NoError(t, w.fault(expr), title)
			found, err := w.query(expr)
			require.NoError(t, err, title)
			require.NotEmpty(t, found, "%s: %s", title, expr)
			for _, l := range legendLabel.FindAllStringSubmatch(legend, -1) {
				require.NoError(t, named(found, l[1:]), "%s: legend of %s", title, expr)
			}
		}
	})

	t.Run("series of the alerts' tests", func(t *testing.T) {
		p := parser.NewParser(parser.Options{})
		for _, c := range alertCases {
			for series := range c.series {
				l, err := p.ParseMetric(series)
				require.NoError(t, err)
				real, err := w.query(fmt.Sprintf("{__name__=%q}", l.Get(labels.MetricName)))
				require.NoError(t, err)
				require.NotEmpty(t, real, series)
				b := labels.NewBuilder(real[0].Metric)
				b.Del("job") // which the tests leave out
				want := labels.NewBuilder(l)
				want.Del("job")
				require.Equal(t, names(b.Labels()), names(want.Labels()), series)
			}
		}
	})

	t.Run("names and labels of metrics", func(t *testing.T) {
		for instance, body := range exposed {
			problems, err := promlint.New(strings.NewReader(string(body))).Lint()
			require.NoError(t, err)
			for _, p := range problems {
				require.False(t, strings.HasPrefix(p.Metric, "orderbridge_"), "%s: %s: %s", instance, p.Metric, p.Text)
			}
		}
		labelled, err := w.query(`{__name__=~"orderbridge_.+"}`)
		require.NoError(t, err)
		for _, s := range labelled {
			s.Metric.Range(func(l labels.Label) {
				require.Contains(t, boundedLabels, l.Name, "%s: is its number of values bounded?", s.Metric)
				require.NotRegexp(t, `[0-9a-f]{8}-[0-9a-f]{4}`, l.Value, "%s: an id is no label", s.Metric)
			})
		}
	})

	t.Run("unknown names are found", func(t *testing.T) {
		for expr, want := range map[string]string{
			`orderbridge_link_held`: "",
			`sum by (side) (rate(orderbridge_hints_published_total[1m]))`: "",
			`orderbridge_orders{state="COLLISION"} > 1e9`:                 "",
			`orderbridge_link_hold`:                                       "no such metric",
			`sum(rate(orderbridge_hints_publish_total[1m]))`:              "no such metric",
			`orderbridge_orders{status!="OK"}`:                            "no such label: status",
			`orderbridge_orders{state="COLLIDED"}`:                        "no data",
			`max by (sid) (orderbridge_link_held)`:                        "no such label: sid",
			`orderbridge_link_held > 1 or orderbridge_link_helt`:          "no such metric",
		} {
			if err := w.fault(expr); want == "" {
				require.NoError(t, err, expr)
			} else {
				require.ErrorContains(t, err, want, expr)
			}
		}
	})
}

// boundedLabels are all labels that a metric may have; the values of each are few and known beforehand, or those
// of a configuration.
var boundedLabels = []string{
	"__name__", "job", "instance", "side", "peer", "state", "what", "method", "route", "code", "le", "outcome", "target",
	"version", "commit", "goversion",
}

func names(l labels.Labels) (all []string) {
	l.Range(func(one labels.Label) { all = append(all, one.Name) })
	return all
}
