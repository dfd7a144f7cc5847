// Package tlsfile makes TLS settings from PEM files: for listeners, whose certificate is read again when its
// file changes, and for clients, which trust authorities or pinned certificates.
package tlsfile

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/settings"
)

// lookEvery is how often at most files are looked at: a handshake costs more than that, but may come often.
const lookEvery = time.Second

// Pair is a certificate with its chain and its key, in PEM files that are read again when they change. A pair that
// cannot be read leaves the one before in use.
type Pair struct {
	cert, key string
	log       *zap.Logger

	mu     sync.Mutex
	looked time.Time
	files  [2]os.FileInfo // as they were when they were read
	now    *tls.Certificate
}

// LoadPair reads a certificate and its key.
func LoadPair(cert, key string, log *zap.Logger) (*Pair, error) {
	p := &Pair{cert: cert, key: key, log: log}
	return p, p.read()
}

func (p *Pair) read() error {
	files, err := p.stat()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", p.cert, p.key, err)
	}
	p.files, p.now = files, &pair
	return nil
}

func (p *Pair) stat() (files [2]os.FileInfo, err error) {
	for i, path := range []string{p.cert, p.key} {
		if files[i], err = os.Stat(path); err != nil {
			return files, fmt.Errorf("certificate: %w", err)
		}
	}
	return files, nil
}

// same reports whether a file is still the one that was read. Renewed certificates are of one size, and two of them may be
// written within one tick of the file system's clock.
func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Current returns the certificate in force, read again if a file has changed.
func (p *Pair) Current() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.looked) < lookEvery {
		return p.now
	}
	p.looked = time.Now()
	files, err := p.stat()
	if err == nil && !(same(files[0], p.files[0]) && same(files[1], p.files[1])) {
		// Both files change one after the other: until they fit together the pair before stays.
		if err = p.read(); err == nil {
			p.log.Info("certificate reloaded", zap.String("file", p.cert), zap.Time("not_after", p.now.Leaf.NotAfter))
		}
	}
	if err != nil {
		p.log.Warn("certificate not reloaded, the one before stays in use", zap.Error(err))
	}
	return p.now
}

// Server returns the settings of a listener. With askClients it asks clients for a certificate, and accepts any:
// who needs one compares it with pins.
func (p *Pair) Server(askClients bool) *tls.Config {
	c := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.Current(), nil },
	}
	if askClients {
		c.ClientAuth = tls.RequestClientCert
	}
	return c
}

// Client returns the settings of a client that trusts the system's authorities and those of a PEM file (empty: none
// besides), or with pins only servers that show a pinned certificate, whoever issued it. Own is the certificate that the
// client shows; nil for none.
func Client(authorities string, pins Pins, own *Pair) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pool, err := Authorities(authorities)
		if err != nil {
			return nil, err
		}
		c.RootCAs = pool
	}
	if len(pins) > 0 {
		c.InsecureSkipVerify = true // in place of authorities and names the certificate itself is compared
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if !pins.Match(&s) {
				return errors.New("the server shows another certificate than the pinned one")
			}
			return nil
		}
	}
	if own != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own.Current(), nil }
	}
	return c, nil
}

// Authorities reads certificates of authorities from a PEM file, and adds them to the system's.
func Authorities(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("authorities: %s has no certificate in PEM", file)
	}
	return pool, nil
}

// Pins are SHA-256 fingerprints of certificates in DER, as `openssl x509 -fingerprint -sha256` prints them.
type Pins [][sha256.Size]byte

// ParsePins reads fingerprints in hexadecimal, with or without colons, separated by commas.
func ParsePins(list string) (Pins, error) {
	if list == "" {
		return nil, nil
	}
	var pins Pins
	for one := range strings.SplitSeq(list, ",") {
		raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(one), ":", ""))
		if err != nil || len(raw) != sha256.Size {
			return nil, errors.New("must be SHA-256 fingerprints of certificates, in hexadecimal, separated by commas")
		}
		pins = append(pins, [sha256.Size]byte(raw))
	}
	return pins, nil
}

// PeerPins reads the pins of each peer: of the only peer as ParsePins does, of several as pairs NAME=PINS. A peer that is
// not named has none.
func PeerPins(text string, peers []string) (map[string]Pins, error) {
	pairs := []settings.Pair{}
	switch {
	case text == "":
		return nil, nil
	case len(peers) == 1 && !strings.Contains(text, "="):
		pairs = append(pairs, settings.Pair{Name: peers[0], Value: text})
	default:
		var err error
		if pairs, err = settings.Pairs(text); err != nil {
			return nil, err
		}
	}
	out := map[string]Pins{}
	for _, p := range pairs {
		if !slices.Contains(peers, p.Name) {
			return nil, fmt.Errorf("names %s, which is no peer", p.Name)
		}
		pins, err := ParsePins(p.Value)
		if err != nil {
			return nil, err
		}
		out[p.Name] = pins
	}
	return out, nil
}

// PinsOf returns the pin of the first certificate of a PEM file.
func PinsOf(file string) (Pins, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("certificate: %s does not begin with one in PEM", file)
	}
	return Pins{sha256.Sum256(block.Bytes)}, nil
}

// Match reports whether the other end of a connection showed a pinned certificate. Whoever shows one has proved in the
// handshake that it holds the key.
func (p Pins) Match(s *tls.ConnectionState) bool {
	if s == nil || len(s.PeerCertificates) == 0 {
		return false
	}
	shown := sha256.Sum256(s.PeerCertificates[0].Raw)
	for _, pin := range p {
		if pin == shown {
			return true
		}
	}
	return false
}

// Fingerprint is the pin of a certificate.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}
