//go:build linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
)

// TestPages follows two people, each at a window of one side, who see only pages.
func TestPages(t *testing.T) {
	t.Parallel() // it waits more than it works
	d := startDemo(t)
	chromium := startBrowser(t)
	env := d.env(t)
	a, b := chromium.window(t, d.a), chromium.window(t, d.b)
	a.login(env["A_PERSON"], env["A_PERSON_PASSWORD"])
	b.login(env["B_PERSON"], env["B_PERSON_PASSWORD"])
	a.open("/admin/orders")
	a.awaitText("main", "There are no orders yet")
	lookAround(t, a, "empty", pages...)

	var id string
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"create and edit", func(t *testing.T) { id = pagesCreate(t, a, b) }},
		{"collide and settle", func(t *testing.T) { pagesCollide(t, d, a, b, id) }},
		{"type while it changes", func(t *testing.T) { pagesType(t, a, b, id) }},
		{"hostile text", func(t *testing.T) { pagesHostile(t, d, a, b) }},
		{"keyboard only", func(t *testing.T) { pagesKeyboard(t, a) }},
		{"without JavaScript", func(t *testing.T) { pagesPlain(t, a) }},
		{"peer and broker down", func(t *testing.T) { pagesBroken(t, d, a) }},
		{"delete", func(t *testing.T) { pagesDelete(t, a, b, id) }},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			a.t, b.t = t, t
			part.run(t)
		}) {
			return
		}
	}
	a.requireSound()
	b.requireSound()
}

// pages are those that stand for themselves.
var pages = []string{
	"/admin", "/admin/orders", "/admin/orders/new", "/admin/collisions", "/admin/errors", "/admin/peers", "/admin/audit", "/admin/states", "/admin/reference",
	"/admin/policy", "/admin/people", "/admin/password",
}

// lookAround opens pages, wide and narrow, in light and dark, keeps how it looks, and demands that
// nothing runs out of it.
func lookAround(t *testing.T, w *window, when string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for _, look := range []struct {
			width  int64
			scheme string
		}{{1280, "light"}, {390, "dark"}, {1280, "dark"}, {390, "light"}} {
			w.size(look.width, look.scheme)
			w.open(path)
			name := strings.Trim(strings.ReplaceAll(strings.TrimPrefix(path, "/admin"), "/", "-"), "-")
			if name == "" {
				name = "overview"
			}
			w.shot(fmt.Sprintf("%s-%s-%d-%s", when, idForm.ReplaceAllString(name, "one"), look.width, look.scheme))
			require.True(t, w.is(`document.querySelector('main h1')`), "%s is no page", path)
			require.True(t, w.is(`document.documentElement.scrollWidth <= innerWidth`), "%s is wider than %d", path, look.width)
		}
	}
	w.size(1280, "light")
	w.requireSound()
}

var idForm = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// pagesCreate creates an order on A by its form; it appears on B's open list, an edit there on A's open page.
func pagesCreate(t *testing.T, a, b *window) (id string) {
	b.open("/admin/orders")
	b.do(mark)
	a.open("/admin/orders/new")
	a.leave("form .bar .primary")
	a.awaitText("main", "The content is not valid")
	require.True(t, a.is(`document.querySelector('[name="/customer/name"]').getAttribute('aria-invalid') === 'true'`), "the fault stands at its field")
	a.fill("/orderNumber", "SHOP-1")
	a.fill("/currency", "EUR")
	a.fill("/customer/name", "Ada Sommer")
	a.fill("/lines/0/sku", "TEA")
	a.fill("/lines/0/name", "Green tea")
	a.fill("/lines/0/quantity", "2")
	a.fill("/lines/0/unitPriceMinor", "8,90")
	a.click(`[data-add="/lines"]`)
	a.do(note(`document.querySelectorAll('[data-rows="/lines"] fieldset').length > 3`))
	a.fill("/shippingMinor", "4.90")
	a.leave("form .bar .primary")
	a.awaitText("main", "The order was created")
	a.awaitText(".sums", "22.70")
	id = strings.TrimPrefix(a.at(), "/admin/orders/")
	b.awaitText("main", "SHOP-1")
	b.requireSame()

	a.awaitText(".standing", "In step with b")
	a.do(mark)
	b.leave("tbody a")
	b.leave(`.head a[href$="/edit"]`)
	b.fill("/customerNote", "Please ring")
	b.leave("form .bar .primary")
	b.awaitText("main", "The order was saved")
	a.awaitText("main", "Please ring")
	a.awaitText(".story", "told by b and taken over here")
	a.requireSame()
	return id
}

// mark marks a page, to see later that it is the same one still.
var mark = note(`(window.marked = true)`)

func (w *window) requireSame() {
	w.t.Helper()
	require.True(w.t, w.is(`window.marked`), "the page was loaded again")
}

// pagesCollide pauses, edits on both sides, sees what waits, resumes, and settles field by field.
func pagesCollide(t *testing.T, d *demo, a, b *window, id string) {
	for _, w := range []*window{a, b} {
		w.open("/admin/peers")
		w.leave(`form[action$="/pause"] button`)
		w.awaitText("main", "Paused: nothing is sent to")
	}
	edit := func(w *window, fields ...string) {
		w.open("/admin/orders/" + id + "/edit")
		for i := 0; i < len(fields); i += 2 {
			w.fill(fields[i], fields[i+1])
		}
		w.leave("form .bar .primary")
		w.awaitText(".standing", "Pending for")
	}
	overview := a
	edit(a, "/customerNote", "Ours", "/paymentMethod", "card")
	overview.open("/admin")
	overview.awaitText(".headline", "1\u00a0order cannot reach b")
	overview.shot("paused-overview")
	edit(b, "/customerNote", "Theirs", "/shippingMethod", "bike")
	for _, w := range []*window{a, b} {
		w.open("/admin/peers")
		w.leave(`form[action$="/resume"] button`)
	}
	a.open("/admin/collisions")
	a.awaitText("main", "SHOP-1")
	a.awaitText(".nav .badge", "1")
	b.open("/admin/collisions")
	b.awaitText("main", "SHOP-1")
	b.do(mark)
	lookAround(t, a, "full", append(pages, "/admin/collisions/"+id, "/admin/orders/"+id, "/admin/orders/"+id+"/edit")...)
	a.open("/admin/collisions")
	a.leave("tbody a")
	require.True(t, a.is(`document.querySelectorAll('.contested').length === 1`), "one field is contested")
	a.leave(`button[value=fields]`)
	a.awaitText("main", "A choice is missing")
	a.click(`input[name="pick /customerNote"][value=theirs]`)
	a.leave(`button[value=fields]`)
	a.awaitText("h1", "Outcome")
	a.shot("full-preview")
	a.leave("main .primary")
	a.awaitText("main", "The collision was resolved")
	b.awaitText("main", "No collisions")
	b.requireSame()
	for _, w := range []*window{a, b} {
		w.open("/admin/orders/" + id)
		w.awaitText(".standing", "In step")
		for _, text := range []string{"Theirs", "card", "bike"} {
			w.awaitText("main", text)
		}
	}
	d.awaitRest(t)
	d.requireEqual(t, nil)
}

// pagesType types on A while the order changes on B: what is typed stays, and saving shows what became of it.
func pagesType(t *testing.T, a, b *window, id string) {
	a.open("/admin/orders/" + id + "/edit")
	b.open("/admin/orders/" + id + "/edit")
	a.fill("/internalNote", "typed")
	b.fill("/customer/name", "Ada Winter")
	b.fill("/internalNote", "theirs")
	b.leave("form .bar .primary")
	a.await("it says that the order has changed", `!document.querySelector('[data-moved]').hidden`)
	require.True(t, a.is(`document.querySelector('[name="/internalNote"]').value === 'typed'`))
	a.leave("form .bar .primary")
	a.awaitText("main", "Someone changed this order while you were editing it")
	a.awaitText("main", "meanwhile it became: theirs")
	require.True(t, a.is(`document.querySelector('[name="/internalNote"]').value === 'typed'`))
	require.True(t, a.is(`document.querySelector('[name="/customer/name"]').value === 'Ada Winter'`))
	a.leave("form .bar .primary")
	a.awaitText("main", "The order was saved")
	b.awaitText("main", "typed")
}

// pagesHostile shows an order that is made to break pages: nothing runs, and nothing runs out.
func pagesHostile(t *testing.T, d *demo, a, b *window) {
	hostile := func(n int) string {
		text := `<script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover="alert(3)' {{.}} ` + "\u202eعربي🙈" + strings.Repeat("W", 300)
		return string([]rune(text)[:n])
	}
	o := newOrder(rand.New(rand.NewPCG(seed, 3)))
	o.OrderNumber, o.ExternalRef = hostile(contracts.OrderNumberMax), hostile(contracts.ExternalRefMax)
	o.Customer = contracts.Customer{Ref: hostile(contracts.ExternalRefMax), Name: hostile(contracts.NameLengthMax), Email: `"<b>@<script>"@x`, Company: hostile(contracts.NameLengthMax)}
	o.Customer.Email = "<script>alert(4)</script>@<img/src=x/onerror=alert(5)>"
	at := contracts.Address{
		Name: hostile(contracts.NameLengthMax), Line1: hostile(contracts.AddressLineMax), Line2: hostile(contracts.AddressLineMax),
		City: hostile(contracts.AddressLineMax), Region: hostile(contracts.AddressLineMax), PostalCode: hostile(contracts.PostalCodeMax), Country: "DE",
	}
	o.BillingAddress, o.ShippingAddress = &at, &at
	for i := range o.Lines {
		o.Lines[i].SKU, o.Lines[i].Name = hostile(contracts.ShortTextMax), hostile(contracts.NameLengthMax)
	}
	o.ShippingMethod, o.PaymentMethod = hostile(contracts.ShortTextMax), hostile(contracts.ShortTextMax)
	o.Tracking = []contracts.Tracking{{Carrier: hostile(contracts.ShortTextMax), Number: hostile(contracts.ShortTextMax), URL: "https://example.com/" + strings.Repeat("x", 400)}}
	o.CustomerNote, o.InternalNote = hostile(280)+"\n</textarea><script>alert(6)</script>", hostile(280)
	o.Tags, o.Metadata = []string{hostile(contracts.TagLengthMax)}, map[string]string{"key": hostile(300)}
	_, seenThere, err := d.a.createAt(t.Context(), o)
	require.NoError(t, err)
	_ = seenThere
	paths := []string{"/admin/orders/" + o.ID, "/admin/orders/" + o.ID + "/edit"}
	b.open("/admin/orders")
	b.awaitText("main", "onerror")
	lookAround(t, a, "hostile", append(paths, "/admin/orders")...)
	b.open(paths[0])
	b.awaitText(".standing", "In step")
	b.open(paths[1])
	b.leave("form .bar .primary") // what a form made of it is what it was
	b.awaitText("main", "The order was saved")
	d.awaitRest(t)
	d.requireEqual(t, nil)
	b.requireSound()
}

// pagesKeyboard creates an order without a mouse.
func pagesKeyboard(t *testing.T, w *window) {
	w.open("/admin")
	w.keys(kb.Tab)
	require.True(t, w.is(`document.activeElement.matches('.skip')`), "the first is the way past the navigation")
	require.True(t, w.is(`document.activeElement.getBoundingClientRect().top >= 0`), "and it is to be seen")
	w.keys(kb.Enter)
	require.True(t, w.is(`document.activeElement.id === 'main'`))
	w.open("/admin")
	w.tabTo(`document.activeElement.matches('.nav [href="/admin/orders"]')`)
	require.True(t, w.is(`getComputedStyle(document.activeElement).outlineStyle !== 'none'`), "where one is can be seen")
	w.keys(kb.Enter)
	w.await("the list is there", `location.pathname === '/admin/orders' && document.readyState === 'complete'`)
	w.tabTo(`document.activeElement.matches('[href="/admin/orders/new"]')`)
	w.keys(kb.Enter)
	w.await("the form is there", `location.pathname === '/admin/orders/new' && document.readyState === 'complete'`)
	for _, field := range [][2]string{
		{"/orderNumber", "KEYS-1"},
		{"/currency", "JPY"},
		{"/customer/name", "Ren"},
		{"/lines/0/sku", "T"},
		{"/lines/0/name", "Tea"},
		{"/lines/0/quantity", "3"},
		{"/lines/0/unitPriceMinor", "500"},
	} {
		w.tabTo(fmt.Sprintf(`document.activeElement.name === %q`, field[0]))
		w.keys(field[1])
	}
	w.keys(kb.Enter)
	w.awaitText("main", "The order was created")
	w.awaitText(".sums", "1\u202f500")
	require.True(t, w.is(`[...document.querySelectorAll('input:not([type=hidden]), select, textarea:not([hidden])')].every((el) => el.labels.length > 0)`), "every field has a label")
}

// pagesBroken looks at A while the peer, and then A's own service, do not answer.
func pagesBroken(t *testing.T, d *demo, a *window) {
	a.open("/admin")
	a.do(mark)
	d.whileDown(t, "B_SERVICE_PID", func() {
		o := newOrder(rand.New(rand.NewPCG(seed, 4)))
		_, _, err := d.a.createAt(t.Context(), o)
		require.NoError(t, err)
		a.awaitText(".headline", "cannot reach b")
		a.requireSame()
		lookAround(t, a, "peer-down", "/admin", "/admin/peers", "/admin/orders/"+o.ID)
	})
	a.open("/admin")
	a.awaitText(".headline", "Everything is in step")

	a.do(mark)
	d.signalPart(t, syscall.SIGSTOP, "A_SERVICE_PID")
	a.awaitText("#live", "What you see may be out of date")
	a.shot("hung-overview-1280-light")
	d.signalPart(t, syscall.SIGCONT, "A_SERVICE_PID")
	a.await("the page says that it is up to date", `document.querySelector('#live').hidden`)
	d.end(t, syscall.SIGKILL, "A_SERVICE_PID")
	a.await("the page says what it cannot know, or knows it again", `document.querySelector('#live').hidden`)
	a.awaitText(".headline", "Everything is in step")
	a.requireSame()
}

// pagesDelete deletes on A, and B's open page tells of it.
func pagesDelete(t *testing.T, a, b *window, id string) {
	b.open("/admin/orders/" + id)
	a.open("/admin/orders/" + id)
	a.leave("#delete button")
	a.awaitText("h1", "deleted")
	b.awaitText("h1", "deleted")
}

// pagesPlain creates and finds an order without JavaScript.
func pagesPlain(t *testing.T, w *window) {
	w.scripts(false)
	defer w.scripts(true)
	w.open("/admin/orders/new")
	for _, field := range [][2]string{
		{"/orderNumber", "PLAIN-1"},
		{"/currency", "EUR"},
		{"/customer/name", "Ren"},
		{"/lines/0/sku", "T"},
		{"/lines/0/name", "Tea"},
		{"/lines/0/quantity", "3"},
		{"/lines/0/unitPriceMinor", "5"},
	} {
		w.fill(field[0], field[1])
	}
	w.leave(`[data-add="/lines"]`) // asks the server for more rows
	w.await("what was typed is there still", `document.querySelector('[name="/orderNumber"]').value === 'PLAIN-1'`)
	w.leave("form .bar .primary")
	w.awaitText("main", "The order was created")
	w.open("/admin/orders")
	w.awaitText("main", "PLAIN-1")
}
