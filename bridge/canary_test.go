package bridge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
)

// canary is a listener that nobody may ever connect to.
type canary struct {
	net.Listener
	host, port string
	visits     atomic.Int32
}

func newCanary(t *testing.T) *canary {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	c := &canary{Listener: l}
	c.host, c.port, err = net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.visits.Add(1)
			_ = conn.Close() // whoever it was has been counted
		}
	}()
	return c
}

// addresses are the forms in which a hostile peer may name the canary where an address of its own belongs.
func (c *canary) addresses(id string) []string {
	path := "/orders/" + id
	var hosts []string
	for _, h := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "017700000001",
		"[::ffff:127.0.0.1]", "[::1]", "[::]", "127.0.0.1.", "localhost.", "127.0.0.1.nip.io", "127。0。0。1", "①②⑦.⓪.⓪.①",
	} {
		hosts = append(hosts, h+":"+c.port)
	}
	var out []string
	for _, scheme := range []string{"http", "https", "HTTP", "ftp", "file", "gopher", "ws", "unix", "nats", "dict", "ldap", "jar:http", "view-source:http"} {
		out = append(out, scheme+"://"+hosts[0]+path)
	}
	for _, host := range hosts {
		out = append(out, "http://"+host+path, "//"+host+path)
	}
	at := hosts[0]
	out = append(out,
		"http://peer@"+at+path, "http://peer:secret@"+at+path, "http://peer.example@"+at+path, "http://"+at+"@peer.example"+path, "http://peer.example#@"+at+path,
		"http://peer.example:80@"+at+path, `http://peer.example\@`+at+path, `\\`+at+path, `/\`+at+path, `\/`+at+path, "///"+at+path, "////"+at+path, "http:/"+at+path, "http:"+at+path,
		"http:///"+at+path, `http:\\`+at+path, "https:"+at+path, ":"+c.port+path, "//"+at, "//"+at+"/", "http://"+at, "http://"+at+"/", "http://"+at+"?"+path, "http://"+at+"#"+path,
		"/../"+at+path, "/orders/../../../"+at+path, "/orders/..%2f..%2f"+at+path, "/orders/%2e%2e/%2e%2e/"+at, "../"+at+path, "./"+at, ".//"+at+path, "..//"+at+path, "/.//"+at+path, "/orders/..//"+at+path,
		"/orders/"+id+"?next=http://"+at, "/orders/"+id+"#http://"+at, "/orders/"+id+"/../../../http://"+at, "/orders/"+id+";@"+at, "@"+at, "@"+at+path, ".@"+at+path, "%40"+at+path, "%2f%2f"+at+path,
		"\thttp://"+at+path, " http://"+at+path, "http://"+at+path+" ", "\nhttp://"+at+path, "http\t://"+at+path, "ht\ntp://"+at+path, "http://"+at+"\r\nHost: "+at+"\r\n\r\n", "/orders/"+id+"\r\nLocation: http://"+at,
		"javascript:fetch('http://"+at+"')", "data:text/html,<img src=http://"+at+">", "<http://"+at+path+">; rel=next", "http://"+at+"/%00", "http://"+at+"/\x00", "/\x00"+at, "http://[::1%25lo]:"+c.port+path,
		"http://127.0.0.1:"+c.port+"1", "http://127.0.0.1:0"+c.port+path, "http://"+strings.Repeat("a", 1000)+"@"+at, "http://"+at+"/"+strings.Repeat("a/", 800), "http://"+at+"%2f@peer.example"+path, "http://"+at+"%00.peer.example"+path,
		"http://peer.example%2f@"+at+path, "http://peer.example%5c@"+at+path, "http://peer.example%23@"+at+path, "http://peer.example.@"+at+path, "xn--http://"+at, "http+unix://"+at+path, "blob:http://"+at+path, "about:http://"+at, "urn:http:"+at,
	)
	return out
}

// TestNoAddressOfThePeerIsFollowed: whatever a peer puts where an address of an order or of a next page
// belongs, and wherever it redirects to, nobody goes there.
func TestNoAddressOfThePeerIsFollowed(t *testing.T) {
	c := newCanary(t)
	forms := c.addresses(orderID(0))
	require.GreaterOrEqual(t, len(forms), 100)
	for i, form := range forms {
		t.Run(fmt.Sprintf("%03d", i), func(t *testing.T) {
			throughThePipe(t, form)
			throughAComparison(t, form)
			byRedirects(t, form)
			require.Zero(t, c.visits.Load(), "somebody went to %q", form)
		})
	}
	conn, err := net.Dial("tcp", c.Addr().String())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return c.visits.Load() == 1 }, 10*time.Second, time.Millisecond, "the canary is alive")
}

// throughThePipe has the peer answer with the form as the address of its order.
func throughThePipe(t *testing.T, form string) {
	t.Helper()
	local, remote := newService(t, "a", localToken), newService(t, "b", remoteToken)
	local.version[orderID(0)] = 1
	remote.instead = func(w http.ResponseWriter, r *http.Request) bool {
		v := contracts.Version{localEpoch: 1}
		w.Header().Set("Location", headerSafe(form))
		w.Header().Set("Content-Location", headerSafe(form))
		w.Header().Set("Link", headerSafe("<"+form+`>; rel="next"`))
		respond(t, w, http.StatusOK, contracts.Batch{Side: "b", Entries: []contracts.Entry{{ItemID: orderID(0), State: "OK", Version: v, ItemURI: strings.ToValidUTF8(form, "?"), AnswerTo: v}}})
		return true
	}
	p := newTestPipe(zap.NewNop(), nil, nil)
	p.local = newClient("local", serve(t, local).URL, localToken, 1, p.local.failed, p.metrics.observe)
	p.remote = newClient("remote", serve(t, remote).URL, remoteToken, 1, p.local.failed, p.metrics.observe)
	defer p.local.http.CloseIdleConnections()
	defer p.remote.http.CloseIdleConnections()
	p.try(t.Context(), []*order{{id: orderID(0)}})
}

// throughAComparison has the peer tell the form as the address of an order, and of the next page.
func throughAComparison(t *testing.T, form string) {
	t.Helper()
	a, b := holderOf("a", 2), holderOf("b", 2)
	e := b.entries[b.ids[0]]
	e.ItemURI, e.Version = strings.ToValidUTF8(form, "?"), contracts.Version{"a.x": 1, "b.y": 9}
	b.entries[b.ids[0]] = e
	twisted := false
	b.twist = func(answer any) any {
		if page, ok := answer.(contracts.EntryPage); ok && !twisted {
			twisted = true
			page.Next = form
			return page
		}
		return answer
	}
	_, _, err := compare(t, a, b)
	require.Error(t, err, "a next page that is none")
	twisted = true
	found, c, err := compare(t, a, b)
	require.NoError(t, err)
	require.Len(t, found, 1-len(c.invalidEntries()), "unless the form is not even fit to be an itemURI")
}

// byRedirects has the peer send everybody to the form.
func byRedirects(t *testing.T, form string) {
	t.Helper()
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", headerSafe(form))
		w.Header().Set("Refresh", "0; url="+headerSafe(form))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}))
	client := testClient(t, s.URL)
	require.NotEqual(t, settled, ask(t, client).verdict)
	client.get(context.Background(), "/orders/entries", "r")
	client.ask(context.Background(), http.MethodPost, pathProofs, "r", []byte("{}"))
}

// headerSafe is what net/http lets a server send.
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
