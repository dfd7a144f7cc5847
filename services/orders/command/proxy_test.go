package command

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders/cli"
)

// behindProxy lets commands reach a side through a proxy that makes its entity tags weak, as those that
// compress do.
func behindProxy(t *testing.T, s *side) *side {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.cfg.HTTPAddr})
	proxy.ModifyResponse = func(r *http.Response) error {
		if tag := r.Header.Get("ETag"); tag != "" {
			r.Header.Set("ETag", "W/"+tag)
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	cfg := *s.cfg
	cfg.HTTPAddr = strings.TrimPrefix(server.URL, "http://")
	return &side{t: t, cfg: &cfg}
}

// TestCommandsBehindAProxyThatWeakensTags edits, deletes and resolves through it, and is still held to what
// was seen.
func TestCommandsBehindAProxyThatWeakensTags(t *testing.T) {
	s := startSide(t)
	far := behindProxy(t, s)
	made := s.create(newOrder(t, "first"))
	_, err := run(t, far, "client", cli.Orders, "edit", made.ID, "--set", "customerNote=second")
	require.NoError(t, err)
	seen := far.do("client", "GET", "/orders/"+made.ID, nil)
	require.True(t, strings.HasPrefix(seen.header.Get("ETag"), `W/"`))
	o := made.Order
	o.CustomerNote = "third"
	far.want(http.StatusOK, "client", "PUT", "/orders/"+made.ID, o, "If-Match", `"another", `+seen.header.Get("ETag"))
	far.want(http.StatusPreconditionFailed, "client", "PUT", "/orders/"+made.ID, o, "If-Match", seen.header.Get("ETag"))
	_, err = run(t, far, "client", cli.Orders, "delete", made.ID)
	require.NoError(t, err)

	c := collide(t, s)
	shown, err := run(t, far, "admin", cli.Collisions, "show", c.id)
	require.NoError(t, err)
	_, tag := c.collision()
	require.Contains(t, shown, strings.Trim(tag, `"`))
	require.NotContains(t, shown, "W/")
	path := "/admin/api/collisions/" + c.id + "/resolve"
	far.want(http.StatusPreconditionFailed, "admin", "POST", path, contracts.Resolution{Take: "ours"}, "If-Match", `W/"another"`)
	far.want(http.StatusBadRequest, "admin", "POST", path, contracts.Resolution{Take: "ours"}, "If-Match", strings.Trim(tag, `"`))
	_, err = run(t, far, "admin", cli.Collisions, "resolve", c.id, "--take", "ours", "--yes", "--if-match", "W/"+tag)
	require.NoError(t, err)
	other := collide(t, s)
	_, err = run(t, far, "admin", cli.Collisions, "resolve", other.id, "--take", "theirs", "--yes")
	require.NoError(t, err)
}
