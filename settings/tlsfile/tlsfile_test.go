package tlsfile

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// serve answers handshakes with a pair, and returns where.
func serve(t *testing.T, pair *Pair, askClients bool, seen func(tls.ConnectionState)) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", pair.Server(askClients))
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if c.(*tls.Conn).Handshake() == nil {
					seen(c.(*tls.Conn).ConnectionState())
					_, _ = io.WriteString(c, "ok")
				}
			}()
		}
	}()
	return l.Addr().String()
}

func dial(addr string, c *tls.Config) error {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: time.Minute}, "tcp", addr, c)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.ReadAll(conn)
	return err
}

func TestClientsTrustAuthoritiesOrPins(t *testing.T) {
	dir := t.TempDir()
	ours, err := NewAuthority("ours")
	require.NoError(t, err)
	require.NoError(t, ours.Write(filepath.Join(dir, "ca.crt")))
	print, err := ours.Issue(dir, "server", "127.0.0.1")
	require.NoError(t, err)
	_, err = ours.Issue(dir, "elsewhere", "elsewhere.example")
	require.NoError(t, err)
	foreign, err := NewAuthority("foreign")
	require.NoError(t, err)
	_, err = foreign.Issue(dir, "foreign", "127.0.0.1")
	require.NoError(t, err)

	pins, err := ParsePins(print)
	require.NoError(t, err)
	byFile, err := PinsOf(filepath.Join(dir, "server.crt"))
	require.NoError(t, err)
	require.Equal(t, pins, byFile)
	for name, c := range map[string]struct {
		server, authorities string
		pins                Pins
		want                string
	}{
		"our authority":                  {"server", "ca.crt", nil, ""},
		"an unknown authority":           {"server", "", nil, "unknown authority"},
		"a foreign authority":            {"foreign", "ca.crt", nil, "unknown authority"},
		"another name":                   {"elsewhere", "ca.crt", nil, "127.0.0.1"},
		"pinned":                         {"server", "", pins, ""},
		"another one than the pinned":    {"foreign", "ca.crt", pins, "pinned"},
		"pinned, though of an authority": {"elsewhere", "ca.crt", pins, "pinned"},
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := LoadPair(filepath.Join(dir, c.server+".crt"), filepath.Join(dir, c.server+".key"), zap.NewNop())
			require.NoError(t, err)
			addr := serve(t, pair, false, func(tls.ConnectionState) {})
			if c.authorities != "" {
				c.authorities = filepath.Join(dir, c.authorities)
			}
			client, err := Client(c.authorities, c.pins, nil)
			require.NoError(t, err)
			err = dial(addr, client)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	dir := t.TempDir()
	a, err := NewAuthority("ours")
	require.NoError(t, err)
	print, err := a.Issue(dir, "server", "127.0.0.1")
	require.NoError(t, err)
	pair, err := LoadPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), zap.NewNop())
	require.NoError(t, err)
	pins, err := ParsePins(print)
	require.NoError(t, err)
	client, err := Client("", pins, nil)
	require.NoError(t, err)
	client.MinVersion, client.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	require.Error(t, dial(serve(t, pair, false, func(tls.ConnectionState) {}), client))
}

// TestAClientShowsItsCertificate, and the server sees the one that is pinned and no other.
func TestAClientShowsItsCertificate(t *testing.T) {
	dir := t.TempDir()
	a, err := NewAuthority("ours")
	require.NoError(t, err)
	require.NoError(t, a.Write(filepath.Join(dir, "ca.crt")))
	prints := map[string]string{}
	pairs := map[string]*Pair{"": nil}
	for _, name := range []string{"server", "bridge", "other"} {
		prints[name], err = a.Issue(dir, name, "127.0.0.1")
		require.NoError(t, err)
		pairs[name], err = LoadPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"), zap.NewNop())
		require.NoError(t, err)
	}
	pins, err := ParsePins(prints["bridge"])
	require.NoError(t, err)
	states := make(chan tls.ConnectionState, 1)
	addr := serve(t, pairs["server"], true, func(s tls.ConnectionState) { states <- s })
	for shown, want := range map[string]bool{"": false, "bridge": true, "other": false} {
		client, err := Client(filepath.Join(dir, "ca.crt"), nil, pairs[shown])
		require.NoError(t, err)
		require.NoError(t, dial(addr, client))
		s := <-states
		require.Equal(t, want, pins.Match(&s), "shown: %q", shown)
	}
	require.False(t, pins.Match(nil), "no TLS at all")
}

// TestACertificateIsReadAgain: a renewed certificate is served without a restart; one that cannot be read, or does not
// fit its key, leaves the one before in use.
func TestACertificateIsReadAgain(t *testing.T) {
	dir, fresh := t.TempDir(), t.TempDir()
	a, err := NewAuthority("ours")
	require.NoError(t, err)
	_, err = a.Issue(dir, "server", "127.0.0.1")
	require.NoError(t, err)
	pair, err := LoadPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"), zap.NewNop())
	require.NoError(t, err)
	current := func() string {
		pair.looked = time.Time{} // as if a while had passed
		return Fingerprint(pair.Current().Leaf)
	}
	first := current()

	second, err := a.Issue(fresh, "server", "127.0.0.1")
	require.NoError(t, err)
	move := func(name string) {
		require.NoError(t, os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)))
	}
	move("server.crt")
	require.Equal(t, first, current(), "the key does not fit yet")
	move("server.key")
	require.Equal(t, second, current())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "server.crt"), nil, 0o600))
	require.Equal(t, second, current())
	require.NoError(t, os.Remove(filepath.Join(dir, "server.crt")))
	require.Equal(t, second, current())
}

func TestPinsAreReadAsOpensslPrintsThem(t *testing.T) {
	const colons = "AB:CD:EF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC"
	one, err := ParsePins(colons)
	require.NoError(t, err)
	two, err := ParsePins(colons + ", abcdef00112233445566778899aabbccddeeff00112233445566778899aabbcc")
	require.NoError(t, err)
	require.Equal(t, Pins{one[0], one[0]}, two)
	for _, bad := range []string{"ab", "zz" + colons[2:], colons + ":00", ","} {
		_, err := ParsePins(bad)
		require.Error(t, err, bad)
	}
}

func TestEachPeerHasItsPins(t *testing.T) {
	const fp = "abcdef00112233445566778899aabbccddeeff00112233445566778899aabbcc"
	one, err := ParsePins(fp)
	require.NoError(t, err)
	for text, want := range map[string]map[string]Pins{
		"":                     nil,
		"b=" + fp:              {"b": one},
		"b=" + fp + " c=" + fp: {"b": one, "c": one},
		"b=" + fp + "," + fp:   {"b": {one[0], one[0]}},
	} {
		got, err := PeerPins(text, []string{"b", "c"})
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	alone, err := PeerPins(fp, []string{"b"})
	require.NoError(t, err)
	require.Equal(t, map[string]Pins{"b": one}, alone)
	for _, bad := range []string{fp, "d=" + fp, "b=x", "b=" + fp + " b=" + fp} {
		_, err := PeerPins(bad, []string{"b", "c"})
		require.Error(t, err, bad)
	}
}

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadPair(filepath.Join(dir, "none.crt"), filepath.Join(dir, "none.key"), zap.NewNop())
	require.ErrorContains(t, err, "none.crt")
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err = Authorities(empty)
	require.ErrorContains(t, err, empty)
	_, err = PinsOf(empty)
	require.ErrorContains(t, err, empty)
}
