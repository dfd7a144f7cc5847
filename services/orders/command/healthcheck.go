package command

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// Healthcheck is the command that asks a running program whether it is ready, for containers.
func Healthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [ADDR]",
		Short: "Ask the program at ADDR (default: ORDERS_HTTP_ADDR or BRIDGE_HTTP_ADDR) whether it is ready",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			addr := os.Getenv("ORDERS_HTTP_ADDR")
			if addr == "" {
				addr = os.Getenv("BRIDGE_HTTP_ADDR")
			}
			if len(args) == 1 {
				addr = args[0]
			}
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return fmt.Errorf("no address to ask: give one, or set ORDERS_HTTP_ADDR or BRIDGE_HTTP_ADDR")
			}
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1" // listening everywhere means here too
			}
			client := &http.Client{Timeout: 5 * time.Second}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
			if err != nil {
				return err
			}
			res, err := client.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode/100 != 2 {
				return fmt.Errorf("not ready: %s", res.Status)
			}
			return nil
		},
	}
}
