package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/contracts"
)

// Orders is the command for working with a side's orders over REST.
func Orders() *cobra.Command {
	cmd := &cobra.Command{Use: "orders", Short: "List, show, create, edit and delete a side's orders over REST"}
	addRemoteFlags(cmd)
	cmd.AddCommand(listOrders(), getOrder(), createOrder(), editOrder(), deleteOrder())
	return cmd
}

func listOrders() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List orders, newest first", Args: cobra.NoArgs}
	limit := cmd.Flags().Int("limit", 50, "how many, at most 500")
	status := cmd.Flags().String("status", "", "only with this status")
	state := cmd.Flags().String("state", "", "only in this sync state")
	sort := cmd.Flags().String("sort", contracts.SortPlaced, "newest first by `placed|changed`: when they were placed, or their newest change here")
	quiet := quietFlag(cmd)
	output := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		q := url.Values{"limit": {strconv.Itoa(*limit)}}
		for name, v := range map[string]string{"status": *status, "state": *state, "sort": *sort} {
			if v != "" {
				q.Set(name, v)
			}
		}
		var page contracts.OrderPage
		out, err := side.get(cmd.Context(), "/orders?"+q.Encode(), &page)
		if err != nil {
			return err
		}
		if *quiet {
			return printIDs(cmd, page.Orders...)
		}
		if *output == "json" {
			return printJSON(cmd, out.body)
		}
		t := newTable(cmd.OutOrStdout(), "ID", "NUMBER", "STATUS", "TOTAL", "SYNC", "UPDATED")
		for _, o := range page.Orders {
			total := ""
			if o.Totals != nil {
				total = contracts.Amount(o.Totals.TotalMinor, o.Currency, "") + " " + o.Currency
			}
			var links []string
			for _, l := range o.Sync.Links {
				links = append(links, l.Peer+":"+l.State)
			}
			t.row(o.ID, o.OrderNumber, o.Status, total, strings.Join(links, " "), clock(o.Sync.UpdatedAt))
		}
		return t.end()
	}
	return cmd
}

func getOrder() *cobra.Command {
	return &cobra.Command{
		Use: "get ID", Short: "Show one order as JSON", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			side, err := newRemote(cmd)
			if err != nil {
				return err
			}
			out, err := side.get(cmd.Context(), "/orders/"+url.PathEscape(args[0]), nil)
			if err != nil {
				return err
			}
			return printJSON(cmd, out.body)
		},
	}
}

func createOrder() *cobra.Command {
	cmd := &cobra.Command{Use: "create", Short: "Create an order from a JSON file", Args: cobra.NoArgs}
	file := cmd.Flags().StringP("file", "f", "-", "file with the order; - is standard input")
	quiet := quietFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		body, err := readFile(cmd, *file)
		if err != nil {
			return err
		}
		out, err := side.call(cmd.Context(), http.MethodPost, "/orders", nil, body)
		if err != nil {
			return err
		}
		if !*quiet {
			return printJSON(cmd, out.body)
		}
		var created contracts.OrderView
		if err := json.Unmarshal(out.body, &created); err != nil {
			return err
		}
		return printIDs(cmd, created)
	}
	return cmd
}

func editOrder() *cobra.Command {
	cmd := &cobra.Command{
		Use: "edit ID --set FIELD=VALUE...", Short: "Change fields of an order, or replace it by a JSON file", Args: cobra.ExactArgs(1),
		Example: `  orderbridge orders edit ID --set status=confirmed --set lines/0/quantity=2 --set customerNote='Ring twice'`,
	}
	sets := cmd.Flags().StringArray("set", nil, "field and new value; the field is a path such as lines/0/quantity, the value is what that field holds (a text as it is, lists as JSON), an empty value removes it")
	file := cmd.Flags().StringP("file", "f", "", "file with the whole order; - is standard input")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (*file == "") == (len(*sets) == 0) {
			return usage("give either --set or --file")
		}
		side, err := newRemote(cmd)
		if err != nil {
			return err
		}
		path := "/orders/" + url.PathEscape(args[0])
		present, err := side.get(cmd.Context(), path, nil)
		if err != nil {
			return err
		}
		var body []byte
		if *file != "" {
			body, err = readFile(cmd, *file)
		} else {
			body, err = edited(present.body, *sets)
		}
		if err != nil {
			return err
		}
		// The version that was read is the one that is replaced: an edit in between is not lost.
		out, err := side.call(cmd.Context(), http.MethodPut, path, map[string]string{"If-Match": present.header.Get("ETag")}, body)
		if err != nil {
			return err
		}
		return printJSON(cmd, out.body)
	}
	return cmd
}

func deleteOrder() *cobra.Command {
	return &cobra.Command{
		Use: "delete ID", Short: "Delete an order", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			side, err := newRemote(cmd)
			if err != nil {
				return err
			}
			path := "/orders/" + url.PathEscape(args[0])
			present, err := side.get(cmd.Context(), path, nil)
			if err != nil {
				return err
			}
			_, err = side.call(cmd.Context(), http.MethodDelete, path, map[string]string{"If-Match": present.header.Get("ETag")}, nil)
			return err
		},
	}
}

func printIDs(cmd *cobra.Command, orders ...contracts.OrderView) error {
	for _, o := range orders {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), o.ID); err != nil {
			return err
		}
	}
	return nil
}

func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(cmd.InOrStdin(), contracts.OrderRequestBytesMax+1))
	}
	return os.ReadFile(name)
}
