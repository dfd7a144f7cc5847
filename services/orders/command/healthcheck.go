package command

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/settings/tlsfile"
)

// Healthcheck is the command that asks a running program whether it is ready, for containers.
func Healthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck [ADDR]",
		Short: "Ask the program at ADDR (default: ORDERS_HTTP_ADDR or BRIDGE_HTTP_ADDR) whether it is ready",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			addr, cert := os.Getenv("ORDERS_HTTP_ADDR"), os.Getenv("ORDERS_TLS_CERT")
			if addr == "" && cert == "" {
				addr, cert = os.Getenv("BRIDGE_HTTP_ADDR"), os.Getenv("BRIDGE_TLS_CERT")
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
			client, scheme, err := healthClient(cert)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
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

// healthClient returns a client for a program on this machine that uses a certificate, empty for none. The certificate
// itself is expected: it may be for another name than the address that is asked.
func healthClient(cert string) (client *http.Client, scheme string, err error) {
	client = &http.Client{Timeout: 5 * time.Second}
	if cert == "" {
		return client, "http", nil
	}
	pins, err := tlsfile.PinsOf(cert)
	if err != nil {
		return nil, "", err
	}
	secure, err := tlsfile.Client("", pins, nil)
	if err != nil {
		return nil, "", err
	}
	client.Transport = &http.Transport{TLSClientConfig: secure}
	return client, "https", nil
}
