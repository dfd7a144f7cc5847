package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// SystemStatus is the command that shows how a connector stands towards the system behind its side.
func SystemStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Show how the connector stands towards its system: level, cursor, writes under way, faults",
		Long: "Show how the connector stands towards its system: level, cursor, writes under way, faults. It exits with 3 when there is an alarm.", Args: cobra.NoArgs,
	}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		var s contracts.SystemStatus
		got, err := side.get(cmd.Context(), "/admin/api/system", &s)
		if err != nil {
			return err
		}
		if *format == "json" {
			err = printJSON(cmd, got.body)
		} else {
			err = printSystem(cmd.OutOrStdout(), &s)
		}
		if err != nil {
			return err
		}
		if len(s.Alarms) > 0 {
			return person("%s, see above", several(len(s.Alarms), "alarm"))
		}
		return nil
	}
	return cmd
}

func printSystem(w io.Writer, s *contracts.SystemStatus) error {
	t := newTable(w)
	printSystemRows(t, s)
	for _, o := range s.Faults {
		t.row("  fault", o.ForeignID, o.ID, o.Fault)
	}
	for _, i := range s.UnderWay {
		t.row("  under way", i.ID, "sent "+i.SentAt.UTC().Format(timeLayout), i.Stuck)
	}
	return t.end()
}

const timeLayout = "2006-01-02 15:04:05Z"

func printSystemRows(t *table, s *contracts.SystemStatus) {
	t.row("system", s.Name, "mode "+s.Mode)
	level := s.Level
	if !s.Probed {
		level += " (as the profile says; not probed)"
	}
	t.row("  level", level)
	if s.Cursor != nil {
		t.row("  read up to", s.Cursor.UTC().Format(timeLayout), "by its clock")
	}
	if s.SweepEnded != nil {
		t.row("  all read", s.SweepEnded.UTC().Format(timeLayout))
	}
	if s.QuotaLeft != nil {
		t.row("  quota", fmt.Sprintf("%d calls left", *s.QuotaLeft))
	}
	t.row("  under way", s.UnderWayCount)
	t.row("  faults", s.FaultCount)
	for _, alarm := range s.Alarms {
		t.row("  ALARM", alarm)
	}
}

// SystemProbe is the command that tries on a scratch order what the system does.
func SystemProbe() *cobra.Command {
	cmd := &cobra.Command{
		Use: "probe", Short: "Try on a scratch order what the system does, and show what can be promised", Args: cobra.NoArgs,
		Long: "Try on a scratch order what the system does, and show what can be promised. The order's number begins with PROBE; it is deleted at the end, as the profile says.",
	}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	req := contracts.SystemProbeRequest{}
	cmd.Flags().StringVar(&req.SKU, "sku", "PROBE", "product of the scratch order, which the system may have to know")
	cmd.Flags().StringVar(&req.Currency, "currency", "EUR", "currency of the scratch order")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		body, err := json.Marshal(req)
		if err != nil {
			return err
		}
		got, err := side.call(cmd.Context(), http.MethodPost, "/admin/api/system/probe", nil, body)
		if err != nil {
			return err
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		var p contracts.SystemProbe
		if err := json.Unmarshal(got.body, &p); err != nil {
			return err
		}
		t := newTable(cmd.OutOrStdout())
		for _, s := range p.Steps {
			t.row(s.Result, s.What, s.Detail)
		}
		t.row()
		t.row("level", p.Level)
		return t.end()
	}
	return cmd
}

// SystemSync is the command that reads one order of the system now.
func SystemSync() *cobra.Command {
	return systemOrder("sync", "Read one order of the system now",
		"Read one order of the system now. One whose creation there got no answer is searched for.")
}

// SystemCreate is the command that creates an order in the system whose creation is stuck.
func SystemCreate() *cobra.Command {
	return systemOrder("create", "Create an order in the system again whose creation got no answer",
		"Create an order in the system again, while `connector status` says that its creation got no answer. It is searched for once more before, so that it is not there twice.")
}

// systemOrder is a command about one order, which shows how that stands in the system after it.
func systemOrder(verb, short, long string) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " ID", Short: short, Long: long, Args: cobra.ExactArgs(1)}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		got, err := side.call(cmd.Context(), http.MethodPost, systemOrderPath(args[0], verb), nil, nil)
		if err != nil {
			return err
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		var o contracts.SystemOrder
		if err := json.Unmarshal(got.body, &o); err != nil {
			return err
		}
		t := newTable(cmd.OutOrStdout())
		t.row("order", o.ID)
		t.row("in the system", o.ForeignID, o.Link)
		if o.Fault != "" {
			t.row("fault", o.Fault)
		}
		if i := o.UnderWay; i != nil {
			t.row("under way", "sent "+i.SentAt.UTC().Format(timeLayout), i.Stuck)
		}
		return t.end()
	}
	return cmd
}

// SystemGiveUp is the command that gives up the creation of an order.
func SystemGiveUp() *cobra.Command {
	cmd := &cobra.Command{
		Use: "give-up ID", Short: "Give up the creation of an order in the system that got no answer", Args: cobra.ExactArgs(1),
		Long: "Give up the creation of an order in the system, while `connector status` says that it got no answer. If the peer sends the order again, it is searched for and created like any other.",
	}
	addRemoteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		if _, err := side.call(cmd.Context(), http.MethodPost, systemOrderPath(args[0], "give-up"), nil, nil); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "given up: %s\n", Plain(args[0]))
		return err
	}
	return cmd
}

func systemOrderPath(id, verb string) string {
	return "/admin/api/system/orders/" + url.PathEscape(id) + "/" + verb
}
