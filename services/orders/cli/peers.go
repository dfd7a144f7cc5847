package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Peers is the command that lists the peers, and forgets one that has left the settings.
func Peers() *cobra.Command {
	cmd := &cobra.Command{Use: "peers", Short: "List the peers of a side and the state of each link", Args: cobra.NoArgs}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		var list contracts.PeerList
		got, err := side.get(cmd.Context(), "/admin/api/peers", &list)
		if err != nil {
			return err
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		var status contracts.Status
		if _, err := side.get(cmd.Context(), "/admin/api/status", &status); err != nil {
			return err
		}
		return printPeers(cmd.OutOrStdout(), &list, &status)
	}
	cmd.AddCommand(forgetPeer())
	return cmd
}

func printPeers(w io.Writer, list *contracts.PeerList, status *contracts.Status) error {
	urls := map[string]string{}
	for _, p := range list.Peers {
		urls[p.Peer] = p.URL
	}
	t := newTable(w, "PEER", "LINK", "PENDING", "COLLISIONS", "ERRORS", "PROVED EQUAL", "URL")
	for _, p := range status.Peers {
		proved := "never"
		if p.Proof != nil {
			proved = clock(p.Proof.At)
		}
		t.row(p.Peer, linkWord(&p), p.Pending, p.States["COLLISION"], p.States["ERROR"]+p.States["ERROR_SYNCED"], proved, urls[p.Peer])
	}
	for _, p := range list.Left {
		t.row(p.Peer, "left the settings "+clock(p.Since), "", "", "", "", "")
	}
	return t.end()
}

// linkWord is the state of a link in one word.
func linkWord(p *contracts.PeerStatus) string {
	switch {
	case p.Held != nil:
		return "held"
	case p.Paused:
		return "paused"
	case !slices.ContainsFunc(p.Bridges, func(b contracts.BridgeReport) bool { return b.State != "silent" }):
		return "no bridge"
	case !slices.ContainsFunc(p.Bridges, func(b contracts.BridgeReport) bool { return b.State == "running" }):
		return "waiting"
	}
	return "running"
}

func forgetPeer() *cobra.Command {
	cmd := &cobra.Command{
		Use: "forget PEER", Short: "Remove what is stored of a peer that has left the settings",
		Long: "Remove what is stored of a peer that has left the settings: its links, cases and proposals, its hints and consumer. The log and the audit\n" +
			"stay. When it becomes a peer again it is new: both sides are compared, and what both changed meanwhile collides.",
		Args: cobra.ExactArgs(1),
	}
	addRemoteFlags(cmd)
	yes := yesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		if err := confirmed(cmd, *yes, "Remove all that is stored of "+args[0]+", with its open cases?"); err != nil {
			return err
		}
		_, err = side.call(cmd.Context(), http.MethodPost, "/admin/api/peers/"+url.PathEscape(args[0])+"/forget", nil, nil)
		return err
	}
	return cmd
}

// Pause is the command that stops telling a peer.
func Pause() *cobra.Command {
	return setPaused("pause", "Tell a peer nothing until it is resumed; changes wait here")
}

// Resume is the command that tells a peer again.
func Resume() *cobra.Command {
	return setPaused("resume", "Tell a peer again, and what has waited")
}

func setPaused(name, short string) *cobra.Command {
	cmd := &cobra.Command{Use: name + " PEER", Short: short, Args: cobra.ExactArgs(1)}
	addRemoteFlags(cmd)
	format := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		got, err := side.call(cmd.Context(), http.MethodPost, "/admin/api/peers/"+url.PathEscape(args[0])+"/"+name, nil, nil)
		if err != nil {
			return err
		}
		if *format == "json" {
			return printJSON(cmd, got.body)
		}
		var p contracts.Peer
		if err := json.Unmarshal(got.body, &p); err != nil {
			return err
		}
		state := "resumed"
		if p.Paused {
			state = "paused"
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), Plain(p.Peer), state)
		return err
	}
	return cmd
}

// Brake is the command that lets changes of a peer through again after the brake has held them.
func Brake() *cobra.Command {
	cmd := &cobra.Command{
		Use: "brake PEER", Short: "Reset the brake, so that it counts from zero",
		Long: "Reset the brake, so that it counts from zero. What it holds stays held: see `orderbridge errors`.", Args: cobra.ExactArgs(1),
	}
	addRemoteFlags(cmd)
	off := cmd.Flags().Duration("off", 0, "let everything through for so long, such as 10m")
	yes := yesFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		question := "Let " + args[0] + " go on, up to the brake's limits?"
		if *off > 0 {
			question = fmt.Sprintf("Let %s delete and replace any number of orders for %s?", args[0], *off)
		}
		if err := confirmed(cmd, *yes, question); err != nil {
			return err
		}
		_, err = side.send(cmd.Context(), http.MethodPost, "/admin/api/peers/"+url.PathEscape(args[0])+"/brake", nil, contracts.BrakeSetting{OffSeconds: int64(*off / time.Second)})
		return err
	}
	return cmd
}
