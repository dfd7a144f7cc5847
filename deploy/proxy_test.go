package deploy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// proxy is a reverse proxy of the examples.
type proxy struct {
	program string
	start   func(t *testing.T, p proxyPaths) *exec.Cmd
}

// proxyPaths is what a test puts into an example in place of what stands there.
type proxyPaths struct{ dir, address, upstream, cert, key string }

var proxies = []proxy{
	{"nginx", func(t *testing.T, p proxyPaths) *exec.Cmd {
		example := replaceAll(t, text(t, "proxy/nginx.conf"),
			"listen 443 ", "listen "+p.address+" ", "127.0.0.1:8080", p.upstream,
			"/etc/ssl/orders-a.example/fullchain.pem", p.cert, "/etc/ssl/orders-a.example/privkey.pem", p.key)
		file := filepath.Join(p.dir, "nginx.conf")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log;
events {}
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	%[2]s
}`, p.dir, example), 0o600))
		return exec.Command("nginx", "-p", p.dir, "-e", p.dir+"/log", "-c", file)
	}},
	{"caddy", func(t *testing.T, p proxyPaths) *exec.Cmd {
		_, port, err := net.SplitHostPort(p.address)
		require.NoError(t, err)
		example := replaceAll(t, text(t, "proxy/Caddyfile"), "127.0.0.1:8080", p.upstream,
			"\tauto_https disable_redirects\n", "\tauto_https disable_redirects\n\tadmin off\n",
			"orders-a.example {", fmt.Sprintf("https://127.0.0.1:%s {\n\ttls %s %s\n\tbind 127.0.0.1", port, p.cert, p.key))
		file := filepath.Join(p.dir, "Caddyfile")
		require.NoError(t, os.WriteFile(file, []byte(example), 0o600))
		cmd := exec.Command("caddy", "run", "--config", file, "--adapter", "caddyfile")
		cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir)
		return cmd
	}},
}

func replaceAll(t *testing.T, content string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, content, pairs[i])
	}
	return strings.NewReplacer(pairs...).Replace(content)
}

// TestProxiesLetThroughWhatTheyShould runs each example before a service that answers with what it gets.
func TestProxiesLetThroughWhatTheyShould(t *testing.T) {
	for _, one := range proxies {
		t.Run(one.program, func(t *testing.T) {
			if _, err := exec.LookPath(one.program); err != nil {
				t.Skipf("NOT CHECKED: %s is not installed; .ci/run installs it", one.program)
			}
			upstream := httptest.NewServer(http.HandlerFunc(answerWithRequest))
			defer upstream.Close()
			client := startProxy(t, one, upstream.Listener.Addr().String())

			for _, path := range []string{"/orders", "/orders/transactions?limit=1", "/admin/api/status"} {
				res, body := client.do(t, "PUT", path, "four")
				require.Equal(t, http.StatusOK, res.StatusCode, path)
				require.Equal(t, fmt.Sprintf("PUT %s four from 127.0.0.1 for %s", path, strings.TrimPrefix(client.address, "https://")), body)
				require.Equal(t, "max-age=31536000", res.Header.Get("Strict-Transport-Security"))
				require.Equal(t, `"7"`, res.Header.Get("ETag"), "a strong tag stays strong")
			}
			for _, path := range []string{"/metrics", "/ordersx", "/", "/debug/pprof/", "/readyz"} {
				res, _ := client.do(t, "GET", path, "")
				require.Equal(t, http.StatusNotFound, res.StatusCode, path)
			}
			long := strings.Repeat("x", 32<<20)
			res, body := client.do(t, "PUT", "/orders/transactions", long)
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.Contains(t, body, long[:1000])
			res, _ = client.do(t, "PUT", "/orders/transactions", long+long)
			require.GreaterOrEqual(t, res.StatusCode, 400, "nginx answers 413, Caddy 2.6 sometimes 502")

			res, err := client.Get(client.address + "/admin/events")
			require.NoError(t, err)
			line, err := bufio.NewReader(res.Body).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "event: changed\n", line, "an event comes before the stream ends")
			require.NoError(t, res.Body.Close())
			old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}
			_, err = tls.Dial("tcp", strings.TrimPrefix(client.address, "https://"), old)
			require.Error(t, err, "TLS 1.1")
		})
	}
}

func answerWithRequest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"7"`)
	if strings.HasSuffix(r.URL.Path, "/events") {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Accel-Buffering", "no")
		_, _ = io.WriteString(w, "event: changed\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = fmt.Fprintf(w, "%s %s %s from %s for %s", r.Method, r.URL.RequestURI(), body, r.Header.Get("X-Forwarded-For"), r.Host)
}

type proxyClient struct {
	*http.Client
	address string
}

func (c proxyClient) do(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, c.address+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Forwarded-For", "203.0.113.9") // which a proxy must not believe
	res, err := c.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(got)
}

func startProxy(t *testing.T, one proxy, upstream string) proxyClient {
	t.Helper()
	dir := t.TempDir()
	certs := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1
	certs.Close()
	cert, err := x509.MarshalPKCS8PrivateKey(certs.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := proxyPaths{dir, free.Addr().String(), upstream, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	require.NoError(t, free.Close())
	require.NoError(t, os.WriteFile(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs.Certificate().Raw}), 0o600))
	var out bytes.Buffer
	cmd := one.start(t, p)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s", out.String())
		}
	})
	roots := x509.NewCertPool()
	roots.AddCert(certs.Certificate())
	client := proxyClient{&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, "https://" + p.address}
	require.Eventually(t, func() bool {
		res, err := client.Get(client.address + "/")
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond, one.program)
	return client
}
