package outbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

// EmbeddedOptions of the server within the service, reachable by the bridge and the nats CLI.
type EmbeddedOptions struct {
	Addr     string // host:port to listen on
	StoreDir string
	User     string
	Password string
	// SyncInterval is how often the store is brought to disk; 0 is after every message. Nothing
	// depends on it but how many hints have to be published again after a power cut.
	SyncInterval time.Duration
}

const (
	embeddedMemoryMax = 64 << 20
	embeddedStoreMax  = 2 << 30
	embeddedReadyWait = 30 * time.Second
)

// startEmbedded starts a server. The lock on its store is ours: the server has none, and two servers
// on one store lose messages that both acknowledged.
func startEmbedded(side string, o EmbeddedOptions, log *zap.Logger) (_ *server.Server, unlock func(), err error) {
	host, portText, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, nil, fmt.Errorf("embedded broker's address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, nil, fmt.Errorf("embedded broker's port: %w", err)
	}
	// The server keeps a hash. The password is long and random, so the cheapest one will do.
	hash, err := bcrypt.GenerateFromPassword([]byte(o.Password), bcrypt.MinCost)
	if err != nil {
		return nil, nil, fmt.Errorf("embedded broker's password: %w", err)
	}
	release, err := lockDir(o.StoreDir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	s, err := server.NewServer(&server.Options{
		ServerName: "orders-" + side, Host: host, Port: port, NoSigs: true,
		Username: o.User, Password: string(hash),
		JetStream: true, StoreDir: o.StoreDir, JetStreamMaxMemory: embeddedMemoryMax, JetStreamMaxStore: embeddedStoreMax,
		SyncInterval: o.SyncInterval, SyncAlways: o.SyncInterval == 0,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("embedded broker: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(&serverLog{log.Named("nats").Sugar(), fatal}, false, false, false)
	go s.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.ReadyForConnections(embeddedReadyWait) }()
	select {
	case text := <-fatal:
		err = errors.New("embedded broker: " + text)
	case ok := <-ready:
		if !ok {
			err = fmt.Errorf("embedded broker: not ready after %s", embeddedReadyWait)
		}
	}
	if err != nil {
		s.Shutdown()
		return nil, nil, err
	}
	return s, release, nil
}

func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded broker's store: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded broker's store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("embedded broker's store %s is used by another process: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// serverLog passes the server's log on. Its Fatalf must not end the process.
type serverLog struct {
	*zap.SugaredLogger
	fatal chan<- string
}

func (l *serverLog) Noticef(format string, v ...any) { l.Debugf(format, v...) }
func (l *serverLog) Tracef(format string, v ...any)  { l.Debugf(format, v...) }

func (l *serverLog) Fatalf(format string, v ...any) {
	l.Errorf(format, v...)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
