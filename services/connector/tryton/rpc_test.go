package tryton

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
)

func TestLogsInAgainOnceWhenTheSessionIsUnknown(t *testing.T) {
	s, f := mustFake(t, map[string][]string{sales: {"401", result(sale7)}})
	f.answers["common.db.login"] = []string{login, `"result": [7, "fresh"]`}
	_, err := s.Get(t.Context(), "7")
	require.NoError(t, err)
	require.Len(t, f.of("common.db.login"), 2)
	require.Equal(t, "Session "+base64.StdEncoding.EncodeToString([]byte("connector:7:fresh")), f.of(sales)[1].auth)

	f.answers[sales] = []string{"401"}
	_, err = s.Get(t.Context(), "7")
	require.ErrorContains(t, err, "session is unknown")
	require.Len(t, f.of("common.db.login"), 3)

	f.answers["common.db.login"] = []string{"401"}
	_, err = s.Get(t.Context(), "7")
	require.ErrorContains(t, err, "the user connector or its password is refused")
	require.NotContains(t, err.Error(), "secret-81")
}

func TestEveryCallNamesTheCompany(t *testing.T) {
	s, f := mustFake(t, map[string][]string{sales: {result(sale7)}})
	_, err := s.Get(t.Context(), "7")
	require.NoError(t, err)
	params := f.of(sales)[0].Params
	require.Equal(t, map[string]any{"company": 3.0, "language": "en"}, params[len(params)-1])
}

func TestErrorsOfTheServer(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		check  func(*testing.T, error)
	}{
		"for people": {`"error": ["UserError", ["The web ID must be unique.", "Choose another.", null]]`, func(t *testing.T, err error) {
			var refusal *foreign.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "Tryton: The web ID must be unique. Choose another.", refusal.Reason)
		}},
		"a question to people": {`"error": ["UserWarning", ["name_1", "Really?", ""]]`, func(t *testing.T, err error) {
			var refusal *foreign.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "Tryton: Really?", refusal.Reason)
		}},
		"stale":         {staleSale, func(t *testing.T, err error) { require.ErrorIs(t, err, foreign.ErrStale) }},
		"database down": {`"error": ["connection to server failed\n", ""]`, unclear},
		"no name":       {`"error": []`, unclear},
		"another id":    {`"id": 2, "result": []`, unclear},
		"both":          {`"result": [], "error": ["KeyError", ""]`, unclear},
		"neither":       {`"ok": true`, unclear},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := mustFake(t, map[string][]string{sales: {c.answer}})
			_, err := s.Get(t.Context(), "7")
			c.check(t, err)
		})
	}
}

// unclear checks an error that says nothing of what became of the call.
func unclear(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	var refusal *foreign.Refusal
	var quota *foreign.Quota
	var half *foreign.HalfDone
	require.NotErrorAs(t, err, &half)
	require.NotErrorAs(t, err, &refusal)
	require.NotErrorAs(t, err, &quota)
	require.NotErrorIs(t, err, foreign.ErrGone)
	require.NotErrorIs(t, err, foreign.ErrStale)
}

// What stands between us and the server may answer with anything. None of it says that there is no sale.
func TestAnswersOfOthersAreUnclear(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>welcome</html>")
		},
		"captcha":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"not found": http.NotFound,
		"broken":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id": 1, "result": [`)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"id": 1, "result": []}`)
		},
		"stray bytes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id": 1, "result": []}<!-- end -->`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			known, _ := mustFake(t, nil)
			_, err := known.client.login(t.Context(), nil)
			require.NoError(t, err)
			s := mustSystem(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, "/shop/", r.URL.Path)
				answer(w, r)
			}))
			s.client.session = known.client.session
			_, err = s.Get(t.Context(), "7")
			unclear(t, err)
			_, _, err = s.All(t.Context(), "")
			unclear(t, err)
		})
	}
}

func TestTooManyRequests(t *testing.T) {
	for header, want := range map[string]time.Duration{"": pauseLogins, "17": 17 * time.Second, "999999999999": pauseMax, "9999999": pauseMax, "soon": pauseLogins} {
		s := mustSystem(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Retry-After", header)
			}
			w.WriteHeader(http.StatusTooManyRequests)
		}))
		_, err := s.Get(t.Context(), "7")
		var quota *foreign.Quota
		require.ErrorAs(t, err, &quota, header)
		require.Equal(t, want, quota.After, header)
	}
}

func TestNowIsTheServersDate(t *testing.T) {
	s, f := mustFake(t, map[string][]string{"model.sale.sale.search_count": {`"result": 0`}})
	_, err := s.Now(t.Context()) // logs in
	require.NoError(t, err)
	session := s.client.session
	s = mustSystem(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Sun, 29 Nov 2026 09:25:23 GMT")
		f.ServeHTTP(w, r)
	}))
	s.client.session = session
	now, err := s.Now(t.Context())
	require.NoError(t, err)
	require.True(t, now.Equal(time.Date(2026, 11, 29, 9, 25, 23, 0, time.UTC)), now)
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []Options{
		{},
		{URL: "erp.example", Database: "d", User: "u"},
		{URL: "ftp://erp.example", Database: "d", User: "u"},
		{URL: "https://u:p@erp.example", Database: "d", User: "u"},
		{URL: "https://erp.example", User: "u"},
		{URL: "https://erp.example", Database: "d"},
	} {
		_, err := New(o)
		require.Error(t, err)
	}
	s, err := New(Options{URL: "https://erp.example/tryton", Database: "a b", User: "u", Web: "https://erp.example/"})
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(s.client.address, "/tryton/a%20b/"), s.client.address)
	require.Equal(t, "https://erp.example/#a b/model/sale.sale/7", s.Link("7"))
}
