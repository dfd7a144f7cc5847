package cli

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// explanation is what `orderbridge explain -o json` prints.
type explanation struct {
	ID       string     `json:"id"`
	Side     string     `json:"side"`
	Number   string     `json:"orderNumber,omitzero"`
	Standing []standing `json:"standing"`
	Story    []step     `json:"story"`
}

// standing is how an order stands towards a peer, and what it waits for.
type standing struct {
	Peer  string    `json:"peer"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
	Why   string    `json:"why,omitzero"`
	Alarm string    `json:"alarm,omitzero"` // of the status, that names this order
}

// step is one thing that happened to an order.
type step struct {
	At     time.Time `json:"at"`
	Text   string    `json:"text"`
	Actor  string    `json:"actor,omitzero"`
	Reason string    `json:"reason,omitzero"`
}

// Explain is the command that tells in words what happened to an order, and where it stands.
func Explain() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain ORDER", Short: "Explain the history of an order, its state, and why it is pending",
		Long: `Explain the history of an order, its state, and why it is pending.
It exits with 3 when the order needs attention: a collision, an error, or an alarm that names it.`, Args: cobra.ExactArgs(1),
	}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		e, err := side.explain(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *format == "json" {
			err = printValue(cmd, e)
		} else {
			err = e.print(cmd)
		}
		if err != nil {
			return err
		}
		for _, s := range e.Standing {
			if needsPerson(s.State) {
				return person("attention needed: %s", s.Text)
			}
			if s.Alarm != "" {
				return person("attention needed: %s", s.Alarm)
			}
		}
		return nil
	}
	return cmd
}

func (r *remote) explain(ctx context.Context, id string) (*explanation, error) {
	var tl contracts.Timeline
	if _, err := r.get(ctx, "/admin/api/orders/"+url.PathEscape(id)+"/timeline", &tl); err != nil {
		return nil, err
	}
	var s contracts.Status
	if _, err := r.get(ctx, "/admin/api/status", &s); err != nil {
		return nil, err
	}
	e := &explanation{ID: tl.ID, Side: tl.Side, Standing: []standing{}, Story: []step{}}
	last := map[string]contracts.TimelineEvent{}
	for _, event := range tl.Events {
		e.Story = append(e.Story, step{At: event.At, Text: what(&event), Actor: event.Actor, Reason: event.Reason})
		last[event.Peer] = event
	}
	for i := range s.Peers {
		p := &s.Peers[i]
		event, ok := last[p.Peer]
		if !ok {
			continue
		}
		e.Standing = append(e.Standing, standing{
			Peer: p.Peer, State: event.Becomes, Since: event.At,
			Text: stateText(event.Becomes, p.Peer), Why: why(tl.ID, &event, p, &s), Alarm: alarmOf(tl.ID, p),
		})
	}
	var o contracts.OrderView
	_, err := r.get(ctx, "/orders/"+url.PathEscape(id), &o)
	if code := ExitCode(err); code != 0 && code != ExitNotFound { // a deleted order has its story only
		return nil, err
	}
	e.Number = o.OrderNumber
	return e, nil
}

// alarmOf is the alarm of a status that names an order; empty when there is none.
func alarmOf(id string, p *contracts.PeerStatus) string {
	for _, a := range p.Alarms {
		if strings.Contains(a, id) {
			return a
		}
	}
	return ""
}

func (e *explanation) print(cmd *cobra.Command) error {
	t := newTable(cmd.OutOrStdout())
	t.row("order", e.ID, e.Number)
	for _, s := range e.Standing {
		t.row("towards "+s.Peer, s.Text, "for "+age(s.Since, time.Now()))
		if s.Why != "" {
			t.row("", s.Why)
		}
	}
	if err := t.end(); err != nil {
		return err
	}
	t = newTable(cmd.OutOrStdout())
	t.row()
	for _, s := range e.Story {
		t.row(clock(s.At), s.Text, s.Actor, s.Reason)
	}
	return t.end()
}
