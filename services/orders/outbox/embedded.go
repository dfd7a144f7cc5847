package outbox

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// EmbeddedOptions of the server within the service, reachable by the bridge and the nats CLI.
type EmbeddedOptions struct {
	Addr     string // host:port to listen on
	StoreDir string
	// User and Password are the service's.
	User     string
	Password string
	// BridgePassword is the password of user bridge. Without one, User may do a bridge's part too.
	BridgePassword string
	// OperatorPassword is the password of user operator, who may look and not touch; without one there
	// is no such user.
	OperatorPassword string
	// SyncInterval is how often the store is brought to disk; 0 is after every message. Nothing
	// depends on it but how many hints have to be published again after a power cut.
	SyncInterval time.Duration
	// TLS is demanded of every client but the service itself; nil for none.
	TLS *tls.Config
}

const (
	embeddedMemoryMax = 64 << 20
	embeddedStoreMax  = 2 << 30
	embeddedReadyWait = 30 * time.Second
	embeddedStopWait  = 10 * time.Second
	embeddedTLSWait   = 5 * time.Second
)

// embedded is the server within this process.
type embedded struct {
	options *server.Options
	log     *zap.Logger
	server  atomic.Pointer[server.Server]
	unlock  func()
}

// startEmbedded starts a server. The lock on its store is ours: the server has none, and two servers
// on one store lose messages that both acknowledged.
func startEmbedded(side string, o EmbeddedOptions, log *zap.Logger) (_ *embedded, err error) {
	host, portText, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fmt.Errorf("embedded broker's address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("embedded broker's port: %w", err)
	}
	users, err := embeddedUsers(o)
	if err != nil {
		return nil, err
	}
	release, err := lockDir(o.StoreDir)
	if err != nil {
		return nil, err
	}
	e := &embedded{log: log, unlock: release, options: &server.Options{
		ServerName: "orders-" + side, Host: host, Port: port, NoSigs: true, Users: users,
		JetStream: true, StoreDir: o.StoreDir, JetStreamMaxMemory: embeddedMemoryMax, JetStreamMaxStore: embeddedStoreMax,
		SyncInterval: o.SyncInterval, SyncAlways: o.SyncInterval == 0,
		DisableJetStreamBanner: true, TLSConfig: o.TLS, TLS: o.TLS != nil, TLSTimeout: embeddedTLSWait.Seconds(),
	}}
	if err := e.startAnyway(); err != nil {
		release()
		return nil, err
	}
	return e, nil
}

// startAnyway starts the server, with an empty store if it does not start with the one that is there. If it
// does not start with an empty one either, the store is not at fault and is left as it was.
func (e *embedded) startAnyway() error {
	err := e.start()
	if err == nil {
		return nil
	}
	aside, asideErr := e.setAside()
	if asideErr != nil || aside == "" {
		return errors.Join(err, asideErr)
	}
	if e.start() != nil {
		return errors.Join(err, os.RemoveAll(e.store()), os.Rename(aside, e.store()))
	}
	e.log.Error("embedded broker did not start with its store, set it aside and started with an empty one", zap.String("store", aside), zap.Error(err))
	return nil
}

// restartEmpty stops the server and starts it with an empty store, or with the one that there is if that cannot be
// set aside. A server that hangs keeps its port, so only another process can have an empty one.
func (e *embedded) restartEmpty() error {
	stopped := e.stop(embeddedStopWait)
	aside, err := e.setAside()
	e.log.Error("set the embedded broker's store aside, starting with an empty one", zap.String("store", aside), zap.Error(err))
	if !stopped {
		return errors.Join(errHangs, err)
	}
	return errors.Join(err, e.start())
}

// revive starts the server if it does not run, as after a restart that failed.
func (e *embedded) revive() error {
	if e.server.Load().Running() {
		return nil
	}
	return e.start()
}

var errHangs = errors.New("the embedded broker hangs and does not stop")

// stop stops the server and reports whether it did within a time.
func (e *embedded) stop(wait time.Duration) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := e.server.Load()
		s.Shutdown()
		s.WaitForShutdown()
	}()
	select {
	case <-done:
		return true
	case <-time.After(wait):
		return false
	}
}

func (e *embedded) store() string { return filepath.Join(e.options.StoreDir, server.JetStreamStoreDir) }

// setAside renames the store, in place of one that was set aside before. It returns "" if there is none.
func (e *embedded) setAside() (string, error) {
	aside := e.store() + ".damaged"
	if _, err := os.Lstat(e.store()); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err := os.RemoveAll(aside); err != nil {
		return "", fmt.Errorf("set the broker's store aside: %w", err)
	}
	if err := os.Rename(e.store(), aside); err != nil {
		return "", fmt.Errorf("set the broker's store aside: %w", err)
	}
	return aside, nil
}

func (e *embedded) start() error {
	s, err := server.NewServer(e.options.Clone())
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(&serverLog{e.log.Named("nats").Sugar(), fatal}, false, false, false)
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
		s.WaitForShutdown()
		return err
	}
	e.server.Store(s)
	return nil
}

// InProcessConn implements nats.InProcessConnProvider with the server that runs now.
func (e *embedded) InProcessConn() (net.Conn, error) { return e.server.Load().InProcessConn() }

func (e *embedded) close() {
	if !e.stop(embeddedStopWait) {
		e.log.Error("embedded broker hangs, ending without it")
	}
	e.unlock()
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
