//go:build linux

package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/deploy/pgcluster/tether"
	"github.com/orderbridge/orderbridge/deploy/trytond"
)

const (
	trytonFolder   = "tryton" // for all but its data, which are in side b's PostgreSQL
	trytonDatabase = "tryton"
	trytonFilling  = "tryton_filling" // until it is whole
	trytonSalesMax = 5
)

// trytonGuideText is what the user reads when Tryton is behind side b.
//
//go:embed trytonguide.txt
var trytonGuideText string

// saleScript edits sales as a person does, for those who do not want to click.
//
//go:embed sale.py
var saleScript []byte

// tryton is a Tryton server on the PostgreSQL of side b.
type tryton struct {
	demo     *demo
	dir      string
	programs *trytond.Installation
	server   *keeper
	secret   string // the connector's password
	person   string // the person's
}

func newTryton(d *demo) *tryton {
	return &tryton{demo: d, dir: d.folder.in(trytonFolder), secret: secret(), person: d.sides[1].secrets.person}
}

func (y *tryton) missing() (err error) {
	y.programs, err = trytond.Find()
	return err
}

func (y *tryton) options() trytond.Options {
	b := y.demo.sides[1]
	return trytond.Options{Dir: y.dir, Database: b.database().URL(trytonDatabase), Port: b.ports.http + shopPort}
}

func (y *tryton) start(ctx context.Context) error {
	if err := os.MkdirAll(y.dir, folderMode); err != nil {
		return err
	}
	if err := os.WriteFile(y.script(), saleScript, 0o600); err != nil {
		return err
	}
	fresh, err := y.fill(ctx)
	if err != nil {
		return err
	}
	o := y.options()
	for login, password := range map[string]string{trytond.ConnectorLogin: y.secret, trytond.PersonLogin: y.person} {
		if err := trytond.SetPassword(ctx, y.dir, o.Database, login, password); err != nil {
			return err
		}
	}
	y.server = y.demo.keeper("Tryton", o.Log(), func(ctx context.Context) (part, error) {
		return y.programs.Start(ctx, o)
	})
	if err := y.server.run(ctx); err != nil {
		return err
	}
	y.demo.say("Tryton is ready, process %d", y.server.pid())
	if n := min(y.demo.options.Seed, trytonSalesMax); fresh && n > 0 {
		return y.sell(ctx, n)
	}
	return nil
}

// fill makes Tryton's database unless there is one. Until it is whole it has another name, because somebody may end the
// demo meanwhile.
func (y *tryton) fill(ctx context.Context) (fresh bool, err error) {
	b := y.demo.sides[1]
	conn, err := pgx.Connect(ctx, b.database().URL("postgres"))
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, trytonDatabase).Scan(&there); err != nil || there {
		return false, err
	}
	for _, statement := range []string{"DROP DATABASE IF EXISTS " + trytonFilling, "CREATE DATABASE " + trytonFilling} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return false, err
		}
	}
	y.demo.say("making Tryton's database; the first time on a machine takes some minutes")
	if err := y.programs.Fill(ctx, b.database().URL(trytonFilling)); err != nil {
		return false, err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+trytonFilling+" RENAME TO "+trytonDatabase)
	return true, err
}

// sell makes some sales, as a person does.
func (y *tryton) sell(ctx context.Context, n int) error {
	args := []string{"new"}
	for i := range n {
		args = append(args, fmt.Sprintf("sale %d", i+1))
	}
	cmd, err := trytond.Script(ctx, y.dir, "sale.py", saleScript, y.environment()...)
	if err != nil {
		return err
	}
	cmd.Args = append(cmd.Args, args...)
	if err := tether.Run(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	y.demo.say("made %d sales in Tryton", n)
	return nil
}

func (y *tryton) environment() (env []string) {
	for _, v := range y.variables() {
		env = append(env, v.name+"="+v.value)
	}
	return env
}

func (y *tryton) stop(context.Context) error {
	if y.server == nil {
		return nil
	}
	return y.server.stop()
}

func (y *tryton) script() string { return filepath.Join(y.dir, "sale.py") }

func (y *tryton) url() string { return strings.TrimSuffix(y.options().URL().String(), "/") }

func (y *tryton) settings() map[string]string {
	settings := map[string]string{
		"CONNECTOR_PROFILE":  "tryton",
		"CONNECTOR_URL":      y.url(),
		"CONNECTOR_DATABASE": trytonDatabase,
		"CONNECTOR_KEY":      trytond.ConnectorLogin,
		"CONNECTOR_SECRET":   y.secret,
		"CONNECTOR_MODE":     "on",
		"CONNECTOR_POLL":     "2s",
		"CONNECTOR_SWEEP":    "1m",
		"CONNECTOR_GONE":     "5s",
	}
	if y.programs.HasPages() {
		settings["CONNECTOR_WEB"] = y.url()
	}
	return settings
}

func (y *tryton) variables() []variable {
	return []variable{
		{"TRYTON_URL", y.url()},
		{"TRYTON_DATABASE", trytonDatabase},
		{"TRYTON_LOGIN", trytond.PersonLogin},
		{"TRYTON_PASSWORD", y.person},
	}
}

func (y *tryton) guide() string { return trytonGuideText }

func (y *tryton) words() []string {
	pages := "has no pages: install " + trytond.WebClient + ", or use the command sale below"
	if y.programs.HasPages() {
		pages = fmt.Sprintf("Tryton's pages: database %s, user %s, password %s", trytonDatabase, trytond.PersonLogin, y.person)
	}
	return []string{
		"{TRYTON}", y.url(), "{PAGES}", pages, "{PYTHON}", trytond.Python, "{SALE}", shellWord(y.script()),
	}
}
