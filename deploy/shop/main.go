// Command shop runs a simulated web shop, which speaks WooCommerce's REST API v3 for orders, until it is interrupted.
// It prints its address. All that it does to its clients is off until a flag asks for it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // a container may have none

	"github.com/orderbridge/orderbridge/deploy/shop/shop"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	addr     string
	opts     shop.Options
	seed     int
	hook     shop.Webhook
	troubles []shop.Trouble
}

func parse(args []string) (s settings, err error) {
	f := flag.NewFlagSet("shop", flag.ContinueOnError)
	f.StringVar(&s.addr, "addr", "127.0.0.1:0", "address to listen on; port 0: a free one")
	f.StringVar(&s.opts.Key, "key", "", "consumer key; none: everybody may call")
	f.StringVar(&s.opts.Secret, "secret", "", "consumer secret")
	f.StringVar(&s.opts.Name, "name", "", "of the shop")
	f.StringVar(&s.opts.File, "file", "", "where the orders are stored; none: in memory")
	f.BoolVar(&s.opts.OpenPages, "open-pages", false, "show the pages, which need no login, to other machines too")
	f.IntVar(&s.seed, "seed", 0, "number of orders to begin with, when there are none")
	f.Func("zone", "time zone, such as Asia/Tokyo", func(name string) (err error) {
		s.opts.Zone, err = time.LoadLocation(name)
		return err
	})
	f.Func("statuses", "further statuses, separated by commas", func(list string) error {
		s.opts.Statuses = strings.Split(list, ",")
		return nil
	})
	f.Func("tax", "COUNTRY=PPM, or =PPM for all others; may be repeated", func(text string) error {
		var ppm int64
		country, number, ok := strings.Cut(text, "=")
		if _, err := fmt.Sscan(number, &ppm); !ok || err != nil {
			return fmt.Errorf("tax %s: parts per million?", text)
		}
		if s.opts.TaxPPM == nil {
			s.opts.TaxPPM = map[string]int64{}
		}
		s.opts.TaxPPM[country] = ppm
		return nil
	})
	f.BoolVar(&s.opts.PricesIncludeTax, "prices-include-tax", false, "of new orders")
	f.IntVar(&s.opts.Decimals, "decimals", 0, "of all amounts; 0: as many as the currency has")
	nasty(f, &s.opts.Nasty)
	f.StringVar(&s.hook.URL, "hook", "", "address that the webhook's events are sent to")
	f.StringVar(&s.hook.Secret, "hook-secret", "", "that the events are signed with")
	f.IntVar(&s.hook.Repeat, "hook-repeat", 1, "how often each event is sent")
	f.IntVar(&s.hook.DropEvery, "hook-drop", 0, "every nth event is lost; 0: none")
	f.BoolVar(&s.hook.Reorder, "hook-reorder", false, "send the later of two events first")
	f.Func("trouble", "KIND[:METHOD[:TIMES]], such as cut-after:PUT:1; may be repeated", func(text string) error {
		t, err := shop.ParseTrouble(text)
		s.troubles = append(s.troubles, t)
		return err
	})
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("takes flags only, see -help")
	}
	return s, nil
}

// nasty are the flags of what the shop does that its documentation does not.
func nasty(f *flag.FlagSet, n *shop.Nasty) {
	f.DurationVar(&n.Latency, "latency", 0, "of each call")
	f.BoolVar(&n.Drift, "drift", false, "pages drift while they are listed")
	f.BoolVar(&n.Duplicates, "duplicates", false, "pages repeat the last order of the one before")
	f.BoolVar(&n.RepeatLastPage, "repeat-last-page", false, "pages beyond the end are the last one again")
	f.BoolVar(&n.Unsorted, "unsorted", false, "lists come in no order")
	f.BoolVar(&n.ViewTouches, "view-touches", false, "looking at an order changes its date")
	f.BoolVar(&n.ReadTouches, "read-touches", false, "a GET of an order changes its date")
	f.BoolVar(&n.MetaKeepsDate, "meta-keeps-date", false, "a change of nothing but meta_data does not change the date")
	f.DurationVar(&n.ListedAfter, "listed-after", 0, "how late a change shows in lists")
	f.BoolVar(&n.RenumberLines, "renumber-lines", false, "a write gives lines new ids")
	f.StringVar(&n.RoundLines, "round-lines", "", "amounts of lines become multiples of it, such as 0.05")
	f.BoolVar(&n.IgnoreStatus, "ignore-status", false, "a status that is written is not taken")
	f.BoolVar(&n.Conditional, "conditional", false, "entity tags and If-Match")
	f.BoolVar(&n.SearchMeta, "search-meta", false, "search finds values of meta_data")
	f.BoolVar(&n.RefuseTrash, "refuse-trash", false, "the status trash cannot be written")
	f.IntVar(&n.RateLimit, "rate", 0, "calls in a window before 429; 0: no limit")
	f.DurationVar(&n.RateWindow, "rate-window", time.Minute, "the window")
	f.BoolVar(&n.RetryAfterAsDate, "retry-after-date", false, "Retry-After is a date")
	f.Func("rewrite", "PATH=REWRITER, such as billing.city=upper (trim, lower, truncate:N, stamp); may be repeated", func(text string) error {
		path, name, _ := strings.Cut(text, "=")
		rewriter, err := shop.Rewriter(name)
		if n.Rewrite == nil {
			n.Rewrite = map[string]func(string) string{}
		}
		n.Rewrite[path] = rewriter
		return err
	})
}

// run runs a shop until the context ends, and prints its address once it listens.
func run(ctx context.Context, out io.Writer, args []string) error {
	set, err := parse(args)
	if err != nil {
		return err
	}
	s, err := shop.New(set.opts)
	if err != nil {
		return err
	}
	defer s.Close()
	if len(s.Orders()) == 0 {
		if err := s.Seed(set.seed); err != nil {
			return err
		}
	}
	for _, t := range set.troubles {
		s.Cause(t)
	}
	s.SetWebhook(set.hook)
	l, err := net.Listen("tcp", set.addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(out, "http://%s\n", l.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(stop)
}
