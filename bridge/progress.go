package bridge

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/orderbridge/orderbridge/contracts"
)

const (
	barWidth = 30
	barEvery = 100 * time.Millisecond
)

// showProgress draws a bar while the reconciliation runs, where it is a terminal that it is written to.
// The function that it returns takes the bar away.
func (r *reconciler) showProgress(to io.Writer) (ended func()) {
	file, ok := to.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for sleep(ctx, barEvery, nil) == nil {
			fmt.Fprintf(to, "\r\x1b[K%s", bar(r.Report()))
		}
		fmt.Fprintf(to, "\r\x1b[K")
	})
	return func() {
		stop()
		done.Wait()
	}
}

// bar shows how far a pass is, in one line.
func bar(rep *contracts.ReconcileReport) string {
	filled := 0
	if all := max(rep.Orders, rep.Compared); all > 0 {
		filled = int(rep.Compared * barWidth / all)
	}
	return fmt.Sprintf("[%s%s] pass %d, %s: %d of %d orders, %d differ, %d sent, %.0f s", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled),
		rep.Passes, rep.Phase, rep.Compared, max(rep.Orders, rep.Compared), total(rep.Found), rep.Sent, rep.Seconds)
}
