package cli

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Status is the command that shows on one screen how a side stands.
func Status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how a side stands: states, pending, stream, bridges, alarms",
		Long:  "Show how a side stands: states, pending, stream, bridges, alarms. It exits with 3 when there is an alarm.",
		Args:  cobra.NoArgs,
	}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	watch := cmd.Flags().BoolP("watch", "w", false, "show it again and again, until Ctrl-C")
	every := cmd.Flags().Duration("every", 2*time.Second, "how often, with --watch")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		if !*watch {
			if *format == "json" {
				return showStatus(cmd.Context(), side, func(body []byte, _ *contracts.Status) error { return printJSON(cmd, body) })
			}
			return showStatus(cmd.Context(), side, func(_ []byte, s *contracts.Status) error { return printStatus(cmd.OutOrStdout(), s) })
		}
		if *every < 100*time.Millisecond {
			return usage("--every must be 100ms or more")
		}
		return watchStatus(cmd, side, *format, *every)
	}
	return cmd
}

// fromTop clears a terminal.
const fromTop = "\x1b[H\x1b[2J"

// watchStatus shows the status until it is interrupted. A side that cannot be reached may come back.
func watchStatus(cmd *cobra.Command, side *remote, format output, every time.Duration) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := cmd.OutOrStdout()
	before := "\n"
	if onTerminal(out) {
		before = fromTop
	}
	show := func(body []byte, s *contracts.Status) error {
		if format == "json" { // one a line
			_, err := fmt.Fprintf(out, "%s\n", body)
			return err
		}
		if _, err := io.WriteString(out, before); err != nil {
			return err
		}
		return printStatus(out, s)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := showStatus(ctx, side, show)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && ExitCode(err) != ExitPerson {
			if _, err := fmt.Fprintln(cmd.ErrOrStderr(), err); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// showStatus fails with ExitPerson where there is an alarm.
func showStatus(ctx context.Context, side *remote, show func(body []byte, s *contracts.Status) error) error {
	var s contracts.Status
	got, err := side.get(ctx, "/admin/api/status", &s)
	if err != nil {
		return err
	}
	if err := show(got.body, &s); err != nil {
		return err
	}
	alarms := 0
	if s.System != nil {
		alarms = len(s.System.Alarms)
	}
	for i := range s.Peers {
		alarms += len(s.Peers[i].Alarms)
	}
	if alarms > 0 {
		return person("%s, see above", several(alarms, "alarm"))
	}
	return nil
}

func printStatus(w io.Writer, s *contracts.Status) error {
	t := newTable(w)
	t.row("side", s.Side, "(epoch "+s.Epoch+")")
	t.row("orders", about(s.Orders, s.Estimated))
	if s.OutboxSince != nil {
		t.row("outbox", fmt.Sprintf("%d, the oldest for %s", s.Outbox, age(*s.OutboxSince, s.At)))
	} else {
		t.row("outbox", s.Outbox)
	}
	if b := s.Broker; b.Stream != nil {
		t.row("stream", fmt.Sprintf("%d messages, %d bytes, sequence %d to %d", b.Stream.Messages, b.Stream.Bytes, b.Stream.FirstSeq, b.Stream.LastSeq))
	} else {
		t.row("stream", b.Error)
	}
	if s.System != nil {
		t.row()
		printSystemRows(t, s.System)
	}
	for i := range s.Peers {
		t.row()
		printPeer(t, &s.Peers[i], s)
	}
	return t.end()
}

// about says of a number whether it was counted.
func about(n int64, estimated bool) string {
	if estimated {
		return fmt.Sprintf("about %d", n)
	}
	return fmt.Sprint(n)
}

func printPeer(t *table, p *contracts.PeerStatus, s *contracts.Status) {
	now := s.At
	t.row("towards", p.Peer)
	for _, state := range contracts.States[1:] {
		if n := p.States[state]; n > 0 {
			t.row("  "+state, about(n, s.Estimated && (state == "OK" || state == "DEL_SYNCED")))
		}
	}
	t.row("  pending", p.Pending)
	if p.Oldest != nil {
		t.row("  oldest", fmt.Sprintf("%s %s for %s", p.Oldest.ID, p.Oldest.State, age(p.Oldest.Since, now)))
	}
	if c := p.Consumer; c != nil {
		t.row("  consumer", fmt.Sprintf("%d unprocessed, %d outstanding acks, %d redelivered", c.Pending, c.AckPending, c.Redelivered))
	}
	for _, b := range p.Bridges {
		if b.State == "silent" {
			t.row("  bridge", fmt.Sprintf("%s silent for %s, %d delivered before", b.Instance, age(b.At, now), b.Delivered))
			continue
		}
		t.row("  bridge", fmt.Sprintf("%s %s, circuit %s, %d delivered", b.Instance, b.State, b.Circuit, b.Delivered))
		for _, o := range b.Retried {
			t.row("  retried", fmt.Sprintf("%s, %d deliveries, last failure %s ago: %s", o.ID, o.Deliveries, age(o.At, now), o.Reason))
		}
	}
	if p.Proof != nil {
		t.row("  proved", fmt.Sprintf("equal %s ago, at that time %s, at %s:%d / %s:%d; %s since", age(p.Proof.At, now), several(int(p.Proof.Orders), "order"),
			p.Proof.Side, p.Proof.Position, p.Proof.Peer, p.Proof.PeerPosition, changes(p.ChangesSinceProof)))
	}
	for _, a := range p.Alarms {
		t.row("  alarm", a)
	}
}

// changes counts the changes since a proof, which are counted up to a limit.
func changes(n int64) string {
	switch {
	case n == 0:
		return "no change"
	case n >= contracts.ChangesCountedMax:
		return fmt.Sprintf("%d changes or more", n)
	}
	return several(int(n), "change")
}
