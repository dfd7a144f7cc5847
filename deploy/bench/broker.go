//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// brokerCommand has this program be a NATS server and nothing else, until SIGTERM.
const brokerCommand = "broker"

// startBroker starts a server of its own for the side, with what it holds from before.
func (s *side) startBroker() (err error) {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	s.broker, err = s.startProgram(brokerCommand, binary, brokerCommand, map[string]string{
		"BENCH_BROKER_ADDR": s.natsAddr, "BENCH_BROKER_DIR": filepath.Join(s.folder, "broker"),
		"BENCH_BROKER_USER": natsUser, "BENCH_BROKER_PASSWORD": s.tokens.nats,
	})
	return err
}

func runBroker() error {
	host, port, err := net.SplitHostPort(os.Getenv("BENCH_BROKER_ADDR"))
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{
		Host: host, Port: number, NoSigs: true, JetStream: true, StoreDir: os.Getenv("BENCH_BROKER_DIR"),
		Username: os.Getenv("BENCH_BROKER_USER"), Password: os.Getenv("BENCH_BROKER_PASSWORD"), DisableJetStreamBanner: true,
	})
	if err != nil {
		return fmt.Errorf("make the broker: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return errors.New("the broker does not start")
	}
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
