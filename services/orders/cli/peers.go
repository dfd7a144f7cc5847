package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

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
		Use: "brake PEER", Short: "Reset the brake towards a peer, so that it counts anew",
		Long: "Reset the brake towards a peer, so that it counts anew. What it holds stays held: see `orderbridge errors`.", Args: cobra.ExactArgs(1),
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
