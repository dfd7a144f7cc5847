//go:build linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTLS: two sides that speak nothing but TLS, and know each other by pinned certificates, keep the same orders.
func TestTLS(t *testing.T) {
	d := &demo{owner: t, dir: dataDir(t), base: freeBase(t)}
	d.pair = newPair(func() bool { return d.ended() })
	authority := filepath.Join(d.dir, "demo", "tls", "ca.crt")
	trust(t, authority)
	d.start(t, "--tls")
	env := d.env(t)
	require.Equal(t, authority, env["ORDERBRIDGE_CA"])
	r := rand.New(rand.NewPCG(seed, 3))
	tour(t, d.pair, d.a, d.b, r)
	tour(t, d.pair, d.b, d.a, r)
	d.requireEqual(t, nil)

	for _, name := range []string{"A_URL", "B_BRIDGE_URL"} {
		require.True(t, strings.HasPrefix(env[name], "https://"), env[name])
		plain, err := http.Get(strings.Replace(env[name], "https://", "http://", 1) + "/readyz")
		require.NoError(t, err)
		require.NoError(t, plain.Body.Close())
		require.Equal(t, http.StatusBadRequest, plain.StatusCode, "%s takes plain HTTP", name)
	}
	// The token of the peer's bridge, without its certificate.
	stolen, err := http.NewRequestWithContext(t.Context(), http.MethodGet, env["A_URL"]+"/orders/transactions", nil)
	require.NoError(t, err)
	stolen.Header.Set("Authorization", "Bearer "+env["A_PEER_TOKEN"])
	refused, err := httpClient.Do(stolen)
	require.NoError(t, err)
	require.NoError(t, refused.Body.Close())
	require.Equal(t, http.StatusUnauthorized, refused.StatusCode)

	status := exec.CommandContext(t.Context(), program, "status")
	status.Env = append(os.Environ(), "ORDERBRIDGE_URL="+env["A_URL"], "ORDERBRIDGE_TOKEN="+env["A_ADMIN_TOKEN"])
	out, err := status.CombinedOutput()
	require.Error(t, err, "the authority is not known")
	require.Contains(t, string(out), "certificate")
	status = exec.CommandContext(t.Context(), program, "status")
	status.Env = append(os.Environ(), "ORDERBRIDGE_URL="+env["A_URL"], "ORDERBRIDGE_TOKEN="+env["A_ADMIN_TOKEN"], "ORDERBRIDGE_CA="+authority)
	out, err = status.CombinedOutput()
	require.NoError(t, err, string(out))
}

// trust has the calls of a test trust the authority in a file, which need not be there yet.
func trust(t *testing.T, file string) {
	t.Helper()
	secure := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // in its place:
	secure.VerifyConnection = func(s tls.ConnectionState) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(text) {
			return errors.New("no authority in " + file)
		}
		_, err = s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "127.0.0.1"})
		return err
	}
	for _, client := range []*http.Client{httpClient, probe} {
		before := client.Transport
		over := http.DefaultTransport.(*http.Transport).Clone()
		if known, ok := before.(*http.Transport); ok {
			over = known.Clone()
		}
		over.TLSClientConfig = secure
		client.Transport = over
		t.Cleanup(func() {
			over.CloseIdleConnections()
			client.Transport = before
		})
	}
}
