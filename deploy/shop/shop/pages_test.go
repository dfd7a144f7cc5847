package shop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// person opens pages, as a browser does.
type person struct{ *client }

func (p person) open(path string) string {
	p.t.Helper()
	answer, err := p.http.Get(p.url + path)
	require.NoError(p.t, err)
	return p.read(answer)
}

func (p person) read(answer *http.Response) string {
	p.t.Helper()
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, answer.StatusCode, "%s", b)
	return string(b)
}

var (
	inputs    = regexp.MustCompile(`<input[^>]* name="([^"]+)" value="([^"]*)"`)
	hidden    = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	quantity  = regexp.MustCompile(`name="(line\.\d+)"`)
	atTheEnd  = regexp.MustCompile(`/orders/(\d+)`)
	noteField = regexp.MustCompile(`(?s)<textarea name="(was\.customer_note)" hidden>(.*?)</textarea>`)
)

// form is the form of a page, as it is.
func form(page string) url.Values {
	v := url.Values{}
	for _, pattern := range []*regexp.Regexp{inputs, hidden, noteField} {
		for _, m := range pattern.FindAllStringSubmatch(page, -1) {
			v.Set(m[1], m[2])
		}
	}
	return v
}

// submit sends a form, and returns the page that follows and the order that it is of.
func (p person) submit(path string, v url.Values) (page string, id int64) {
	p.t.Helper()
	answer, err := p.http.PostForm(p.url+path, v)
	require.NoError(p.t, err)
	if m := atTheEnd.FindStringSubmatch(answer.Request.URL.Path); m != nil {
		_, err := fmt.Sscan(m[1], &id)
		require.NoError(p.t, err)
	}
	return p.read(answer), id
}

func TestPeopleCreateEditAndTrashOrders(t *testing.T) {
	p := person{open(t, Options{})}
	require.Contains(t, p.open("/"), "There are no orders yet.")
	v := form(p.open("/orders/new"))
	v.Set("status", "processing")
	v.Set("currency", "EUR")
	v.Set("billing.first_name", "Ada")
	v.Set("billing.city", "Köln & Bonn")
	v.Set("add.0.product", "11")
	v.Set("add.0.quantity", "2")
	page, id := p.submit("/orders/new", v)
	require.Contains(t, page, "The order was created.")
	require.Contains(t, page, "Köln &amp; Bonn")
	o := p.shop.Order(id)
	require.Equal(t, "109.08", o.Totals.Total)
	require.Equal(t, "admin", o.CreatedVia)
	require.False(t, o.Paid.IsZero())
	require.Contains(t, p.open("/?search=ada"), fmt.Sprint("#", id))

	v = form(p.open(fmt.Sprint("/orders/", id)))
	line := quantity.FindStringSubmatch(p.open(fmt.Sprint("/orders/", id)))[1]
	require.NoError(t, p.shop.Change(id, func(o *Order) { o.Billing.LastName, o.CustomerNote = "King", "meanwhile" }))
	v.Set(line, "3")
	v.Set("status", "on-hold")
	page, _ = p.submit(fmt.Sprint("/orders/", id), v)
	require.Contains(t, page, "The order was saved.")
	o = p.shop.Order(id)
	require.Equal(t, int64(3), o.Lines[0].Quantity)
	require.Equal(t, "163.62", o.Totals.Total)
	require.Equal(t, "on-hold", o.Status)
	require.Equal(t, "King", o.Billing.LastName, "a field that the person left alone")
	require.Equal(t, "meanwhile", o.CustomerNote)

	v = form(page)
	v.Set(line, "0")
	p.submit(fmt.Sprint("/orders/", id), v)
	require.Empty(t, p.shop.Order(id).Lines)

	page, _ = p.submit(fmt.Sprintf("/orders/%d/trash", id), nil)
	require.Contains(t, page, "in the trash")
	require.NotContains(t, p.open("/"), fmt.Sprint("#", id))
	require.Contains(t, p.open("/?status=trash"), fmt.Sprint("#", id))
	p.submit(fmt.Sprintf("/orders/%d/restore", id), nil)
	require.Equal(t, "pending", p.shop.Order(id).Status)

	require.Contains(t, p.open(fmt.Sprintf("/wp-admin/post.php?post=%d&action=edit", id)), fmt.Sprint("Order #", id))
	require.Contains(t, p.open(fmt.Sprintf("/wp-admin/admin.php?page=wc-orders&action=edit&id=%d", id)), fmt.Sprint("Order #", id))
	require.Contains(t, p.open("/static/shop.css"), "--accent")
}

func TestPagesRefuseWhatIsNoInputAndWhoIsFarAway(t *testing.T) {
	c := open(t, Options{})
	id, err := c.shop.Add(Order{})
	require.NoError(t, err)
	path := fmt.Sprint("/orders/", id)
	ask := func(method, path, body string, change func(*http.Request)) int {
		r := httptest.NewRequest(method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if change != nil {
			change(r)
		}
		w := httptest.NewRecorder()
		c.shop.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, http.StatusOK, ask("GET", path, "", nil))
	require.Equal(t, http.StatusForbidden, ask("GET", path, "", func(r *http.Request) { r.RemoteAddr = "192.0.2.1:4711" }))
	require.Equal(t, http.StatusForbidden, ask("GET", path, "", func(r *http.Request) { r.Host = "shop.example" }))
	require.Equal(t, http.StatusForbidden, ask("POST", path, "status=failed", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
	require.Equal(t, http.StatusNotFound, ask("GET", "/orders/999999", "", nil))
	require.Equal(t, http.StatusNotFound, ask("POST", "/orders/999999/trash", "", nil))
	for _, body := range []string{"status=nonsense", "billing.email=nobody", fmt.Sprintf("line.%d=x", id), "add.0.product=11&add.0.quantity=0", "add.0.product=999999&add.0.quantity=1"} {
		require.Equal(t, http.StatusBadRequest, ask("POST", path, body, nil), body)
	}
	require.Equal(t, "pending", c.shop.Order(id).Status)
}
