//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/deploy/packages"
)

// shotsDir is where the pages are kept as they looked; make clean removes it.
const shotsDir = "../../bin/screenshots"

// browserPatience is how long a page may take to show what it should, on a busy machine.
const browserPatience = time.Minute

// browser is a Chromium without a screen.
type browser struct {
	ctx context.Context
}

func startBrowser(t testing.TB) *browser {
	t.Helper()
	path, err := packages.Chromium.Find()
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env(packages.Environment(path)...))
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	require.NoError(t, chromedp.Do(ctx), "start %s", path)
	return &browser{ctx}
}

// window is a tab in which a person looks at a side.
type window struct {
	t    testing.TB
	ctx  context.Context
	side *side

	mu     sync.Mutex
	faults []string // what went wrong in the page
}

// window opens a tab for a side.
func (b *browser) window(t testing.TB, s *side) *window {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	t.Cleanup(end)
	w := &window{t: t, ctx: ctx, side: s}
	require.NoError(t, chromedp.Do(ctx))
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			w.fault("exception: " + e.ExceptionDetails.Text)
		case *page.EventJavascriptDialogOpening:
			w.fault("dialog: " + e.Message)
		case *log.EventEntryAdded:
			if strings.Contains(e.Entry.Text, "Content Security Policy") {
				w.fault(e.Entry.Text)
			}
		}
	}))
	w.size(1280, "light")
	return w
}

func (w *window) fault(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, text)
}

// requireSound demands that nothing went wrong in the page so far.
func (w *window) requireSound() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.faults)
}

// size sets how wide the window is, and whether the room is light or dark.
func (w *window) size(width int64, scheme string) {
	w.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	w.do(chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media)
		return err
	}))
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, browserPatience)
	defer cancel()
	require.NoError(w.t, chromedp.Do(ctx, steps...), "on %s", w.side.name)
}

// open goes to a page of the side.
func (w *window) open(path string) {
	w.t.Helper()
	w.do(chromedp.Navigate(w.side.access.Load().url + path))
	w.await("the page is there", `document.readyState === 'complete'`)
}

// is asks a question in the page.
func (w *window) is(question string) bool {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, browserPatience)
	defer cancel()
	yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+question+")"))
	return err == nil && yes // while a page changes there is nothing to ask
}

// await waits until something is so in the page.
func (w *window) await(what, question string) {
	w.t.Helper()
	deadline := time.Now().Add(browserPatience)
	for !w.is(question) {
		if time.Now().After(deadline) {
			w.shot("failed")
			require.FailNow(w.t, "waited in vain", "on %s at %s: %s: %s", w.side.name, w.at(), what, question)
		}
		time.Sleep(pollEvery)
	}
}

// awaitText waits until a text is to be seen in the part of the page that a selector finds.
func (w *window) awaitText(selector, text string) {
	w.t.Helper()
	w.await("there is "+text, fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text))
}

// at is the path of the page.
func (w *window) at() string {
	path, err := chromedp.Run(w.ctx, chromedp.Evaluate[string]("location.pathname"))
	require.NoError(w.t, err)
	return path
}

// click clicks with the mouse, and waits for the next page if it leads to one.
func (w *window) click(selector string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.CSS(selector)))
}

// leave clicks what leads to another page, and waits until that is there.
func (w *window) leave(selector string) {
	w.t.Helper()
	w.do(chromedp.Evaluate[chromedp.Void](`document.body.dataset.left = '1'`))
	w.click(selector)
	w.await("another page is there", `document.body && !document.body.dataset.left && document.readyState === 'complete'`)
}

// fill puts a text into a field as if it were typed.
func (w *window) fill(name, text string) {
	w.t.Helper()
	selector := fmt.Sprintf("[name=%q]", name)
	w.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector('[name=%q]').value = ''`, name)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// keys types.
func (w *window) keys(keys string) {
	w.t.Helper()
	w.do(chromedp.KeyEvent(keys))
}

// tabTo goes on by the tab key until something has the focus.
func (w *window) tabTo(question string) {
	w.t.Helper()
	for range 200 {
		w.keys(kb.Tab)
		if w.is(question) {
			return
		}
	}
	require.FailNow(w.t, "the tab key does not lead there", "%s at %s", question, w.at())
}

// shot keeps how the page looks.
func (w *window) shot(name string) {
	w.t.Helper()
	require.NoError(w.t, os.MkdirAll(shotsDir, 0o755))
	ctx, cancel := context.WithTimeout(w.ctx, browserPatience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(w.t, err)
	require.NoError(w.t, os.WriteFile(filepath.Join(shotsDir, name+".png"), png, 0o644))
}

// login logs a person in by the page.
func (w *window) login(name, password string) {
	w.t.Helper()
	w.open("/admin")
	w.fill("name", name)
	w.fill("password", password)
	w.leave("button")
	require.Contains(w.t, []string{"/admin", "/admin/"}, w.at())
}

// note runs something in the page.
func note(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

// scripts switches JavaScript on or off.
func (w *window) scripts(on bool) {
	w.t.Helper()
	w.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}
