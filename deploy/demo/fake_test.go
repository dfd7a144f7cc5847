//go:build linux

package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/orderbridge/orderbridge/contracts"
)

// The test binary is orderbridge as far as the demo can tell: run with a command, it is a service or
// a bridge that answers and remembers just enough, or the demo itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "serve":
			fakeProgram("service", "ORDERS", fakeService())
		case "bridge":
			fakeProgram("bridge", "BRIDGE", http.NotFoundHandler())
		case "demo":
			cmd := Command()
			cmd.SilenceUsage = true
			cmd.SetArgs(os.Args[2:])
			if cmd.Execute() != nil {
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// What the caller's environment asks the fakes to do.
const (
	brokenVariable   = "DEMO_TEST_BROKEN"   // the program that refuses to start
	stubbornVariable = "DEMO_TEST_STUBBORN" // the program that does not listen to SIGTERM
	endsVariable     = "DEMO_TEST_ENDS"     // file for who ended, in order
)

func fakeProgram(name, prefix string, handler http.Handler) {
	side := os.Getenv(prefix + "_SIDE")
	if os.Getenv(brokenVariable) == name {
		fmt.Println("the fake", name, "is broken")
		os.Exit(3)
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /environ", func(w http.ResponseWriter, _ *http.Request) {
		must(json.NewEncoder(w).Encode(os.Environ()))
	})
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() { must(http.ListenAndServe(os.Getenv(prefix+"_HTTP_ADDR"), mux)) }()
	<-term
	if os.Getenv(stubbornVariable) == name {
		select {}
	}
	note := name + " " + side
	if url, ok := os.LookupEnv("ORDERS_DATABASE_URL"); ok {
		conn, err := pgx.Connect(context.Background(), url)
		must(err)
		must(conn.Close(context.Background()))
		note += " while its database was there"
	}
	if path := os.Getenv(endsVariable); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(err)
		_, err = fmt.Fprintln(f, note)
		must(err)
	}
	os.Exit(0)
}

// fakeService keeps the numbers of its orders in a file, a line each.
func fakeService() http.Handler {
	folder := os.Getenv("ORDERS_NATS_STORE_DIR")
	file, people := filepath.Join(folder, "orders"), filepath.Join(folder, "people")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			panic(err)
		}
		page := contracts.OrderPage{Orders: []contracts.OrderView{}}
		for number := range strings.FieldsSeq(string(text)) {
			page.Orders = append(page.Orders, contracts.OrderView{Order: contracts.Order{OrderNumber: number}})
		}
		must(json.NewEncoder(w).Encode(page))
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var o contracts.Order
		body, err := io.ReadAll(r.Body)
		must(err)
		must(json.Unmarshal(body, &o))
		if faults := o.Validate(); faults != nil || r.Header.Get("Authorization") != "Bearer "+os.Getenv("ORDERS_CLIENT_TOKEN") {
			http.Error(w, fmt.Sprint(faults), http.StatusForbidden)
			return
		}
		must(os.MkdirAll(folder, 0o700))
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		must(err)
		_, err = fmt.Fprintln(f, o.OrderNumber)
		must(err)
		must(f.Close())
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("GET /admin/api/users", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(people)
		if err != nil && !os.IsNotExist(err) {
			panic(err)
		}
		all := contracts.UserList{Users: []contracts.User{}}
		if len(text) > 0 {
			all.Users = append(all.Users, contracts.User{Name: personName})
		}
		must(json.NewEncoder(w).Encode(all))
	})
	keep := func(w http.ResponseWriter, r *http.Request) {
		var u contracts.NewUser
		body, err := io.ReadAll(r.Body)
		must(err)
		must(json.Unmarshal(body, &u))
		if r.Header.Get("Authorization") != "Bearer "+os.Getenv("ORDERS_ADMIN_TOKEN") {
			http.Error(w, "not an admin", http.StatusForbidden)
			return
		}
		must(os.MkdirAll(folder, 0o700))
		must(os.WriteFile(people, []byte(u.Password), 0o600))
		w.WriteHeader(http.StatusOK)
	}
	mux.HandleFunc("POST /admin/api/users", keep)
	mux.HandleFunc("POST /admin/api/users/"+personName+"/password", keep)
	mux.HandleFunc("GET /password", func(w http.ResponseWriter, _ *http.Request) {
		text, err := os.ReadFile(people)
		must(err)
		must(json.NewEncoder(w).Encode(string(text)))
	})
	return mux
}

// must is for the fakes: what they say is in their log.
func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(4)
	}
}
