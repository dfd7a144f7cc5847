package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/orderbridge/orderbridge/services/connector/foreign"
	"github.com/orderbridge/orderbridge/services/connector/rest"
)

// Whatever the shop sends instead of an answer of its API, it says nothing of an order: no list is empty by it, and
// no order gone.
func TestHostileAnswersAreErrors(t *testing.T) {
	const kind = "application/json"
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a page with 200":                func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, "text/html", "<html>maintenance</html>") },
		"a page that says it is JSON":    func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "<html>maintenance</html>") },
		"a captcha with 202":             func(w http.ResponseWriter, _ *http.Request) { raw(w, 202, "text/html", "<html>are you human</html>") },
		"JSON with 202":                  func(w http.ResponseWriter, _ *http.Request) { reply(w, 202, []any{}) },
		"a proxy's 404":                  func(w http.ResponseWriter, _ *http.Request) { raw(w, 404, "text/html", "not found") },
		"a proxy's 404 in JSON":          func(w http.ResponseWriter, _ *http.Request) { reply(w, 404, map[string]any{"error": "not found"}) },
		"a missing route":                func(w http.ResponseWriter, _ *http.Request) { reply(w, 404, map[string]any{"code": "rest_no_route"}) },
		"an empty 404":                   func(w http.ResponseWriter, _ *http.Request) { raw(w, 404, kind, "") },
		"an error with 200":              func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"code": 500}) },
		"a byte order mark":              func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "\ufeff[]") },
		"bytes before":                   func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "Notice: x\n[]") },
		"bytes after":                    func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "[]\n<br>") },
		"no JSON type":                   func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, "text/plain", "[]") },
		"broken UTF-8":                   func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "[\"\xff\"]") },
		"cut short":                      func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, `[{"id": 7, "status": "pro`) },
		"cut short of what was promised": shortAnswer,
		"nothing at all":                 func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "") },
		"no content":                     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"null":                           func(w http.ResponseWriter, _ *http.Request) { raw(w, 200, kind, "null") },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://shop.example/login", http.StatusFound)
		},
		"a 500":                  func(w http.ResponseWriter, _ *http.Request) { reply(w, 500, map[string]any{"code": "internal"}) },
		"a 503 without a time":   func(w http.ResponseWriter, _ *http.Request) { raw(w, 503, "text/html", "busy") },
		"wrong credentials":      func(w http.ResponseWriter, _ *http.Request) { reply(w, 401, map[string]any{"code": "cannot_view"}) },
		"a connection that ends": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"far too much": func(w http.ResponseWriter, _ *http.Request) {
			raw(w, 200, kind, `["`+strings.Repeat("x", 33<<20)+`"]`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, system := newShop(t, answer)
			ctx := context.Background()
			check := func(err error) {
				t.Helper()
				require.Error(t, err)
				require.NotErrorIs(t, err, foreign.ErrGone)
				require.NotErrorIs(t, err, foreign.ErrStale)
				var refused *foreign.Refusal
				require.NotErrorAs(t, err, &refused)
				require.NotContains(t, err.Error(), secret)
			}
			_, err := system.Get(ctx, "7")
			check(err)
			check(system.Changed(ctx, time.Unix(0, 0), time.Now(), func(foreign.Candidate) error { return nil }))
			_, _, err = system.All(ctx, "")
			check(err)
			_, err = system.Find(ctx, uuid.New())
			check(err)
			_, err = system.Create(ctx, uuid.New(), &foreign.Edit{Body: map[string]any{"a": 1}})
			check(err)
			check(system.Update(ctx, &foreign.Document{ID: "7"}, &foreign.Edit{Body: map[string]any{"a": 1}}))
		})
	}
}

func shortAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`[]`))
}

func TestAnotherOrderThanAskedForIsAnError(t *testing.T) {
	_, system := newShop(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, order(8)) })
	_, err := system.Get(context.Background(), "7")
	require.ErrorContains(t, err, "not the order that was asked for")
}

func TestOnlyTheShopsOwnAnswerMakesAnOrderGone(t *testing.T) {
	invalid := map[string]any{"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}
	status := 404
	_, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			status = 400
		}
		reply(w, status, invalid)
	})
	_, err := system.Get(context.Background(), "7")
	require.ErrorIs(t, err, foreign.ErrGone)
	err = system.Update(context.Background(), &foreign.Document{ID: "7"}, &foreign.Edit{Body: map[string]any{"status": "completed"}})
	require.ErrorIs(t, err, foreign.ErrGone)
}

func TestARefusalHasTheShopsReasonWithoutSecrets(t *testing.T) {
	_, system := newShop(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 400, map[string]any{"code": "rest_invalid_param", "message": "Invalid parameter(s):\nbilling " + secret})
	})
	err := system.Update(context.Background(), &foreign.Document{ID: "7"}, &foreign.Edit{Body: map[string]any{"billing": 1}})
	var refused *foreign.Refusal
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Invalid parameter(s): billing …", refused.Reason)
}

// TestNobodyCallsBeforeRetryAfterIsOver: neither the call that was refused nor another one.
func TestNobodyCallsBeforeRetryAfterIsOver(t *testing.T) {
	for name, header := range map[string]string{"seconds": "3600", "date": time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		for _, status := range []int{429, 503} {
			t.Run(name+" "+strconv.Itoa(status), func(t *testing.T) {
				shop, system := newShop(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", header)
					raw(w, status, "text/html", "slow down")
				})
				for range 3 {
					_, err := system.Get(context.Background(), "7")
					var quota *foreign.Quota
					require.ErrorAs(t, err, &quota)
					require.Greater(t, quota.After, 50*time.Minute)
				}
				require.Len(t, shop.calls(), 1)
			})
		}
	}
}

func TestCallsGoOnAfterRetryAfter(t *testing.T) {
	refuse := true
	_, system := newShop(t, func(w http.ResponseWriter, _ *http.Request) {
		if refuse {
			refuse = false
			w.Header().Set("Retry-After", "0")
			raw(w, 429, "text/html", "")
			return
		}
		reply(w, 200, order(7))
	})
	_, err := system.Get(context.Background(), "7")
	var quota *foreign.Quota
	require.ErrorAs(t, err, &quota)
	doc, err := system.Get(context.Background(), "7")
	require.NoError(t, err)
	require.Equal(t, "7", doc.ID)
}

func TestRequestsCarryTheCredentialsInTheHeaderOnly(t *testing.T) {
	shop, system := newShop(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		require.True(t, ok)
		require.Equal(t, key, user)
		require.Equal(t, secret, password)
		reply(w, 200, order(7))
	})
	_, err := system.Get(context.Background(), "7")
	require.NoError(t, err)
	require.Equal(t, []string{"GET /wp-json/wc/v3/orders/7"}, shop.calls())
}

func TestTLSIsVerified(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	system, err := rest.New(mapping(t, "woocommerce"), rest.Config{Address: server.URL, Key: key, Secret: secret})
	require.NoError(t, err)
	_, err = system.Get(context.Background(), "7")
	require.ErrorContains(t, err, "certificate")
}

func TestAddressesThatCannotBeCalled(t *testing.T) {
	for _, address := range []string{"", "shop.example", "ftp://shop.example", "https://user:" + secret + "@shop.example", "https://shop.example?key=" + secret} {
		_, err := rest.New(mapping(t, "woocommerce"), rest.Config{Address: address})
		require.ErrorContains(t, err, "must be like")
		require.NotContains(t, err.Error(), secret)
	}
}
