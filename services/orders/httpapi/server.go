package httpapi

import (
	"context"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Limits of the server.
const (
	requestTimeout = 30 * time.Second
	headerBytesMax = 16 << 10
	bodyTime       = 30 * time.Second // for the body of a known caller
	anonymousTime  = 5 * time.Second  // for the body of anybody else
)

// IdempotencyTrust is how long an idempotency key is remembered.
const IdempotencyTrust = 24 * time.Hour

// NewServer makes the HTTP server around a handler, with limits in time and size.
func NewServer(h http.Handler, log *zap.Logger) *http.Server {
	errorLog, _ := zap.NewStdLogAt(log.Named("http"), zap.DebugLevel) // fails for unknown levels only
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       bodyTime,
		WriteTimeout:      requestTimeout + 10*time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    headerBytesMax,
		ErrorLog:          errorLog,
		ConnState:         newConnections(connectionsMax).changed,
	}
}

// guardBody gives the body of a request the time that anybody's may take, until extendBody, and ends the
// connection after one whose length is not announced.
func guardBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(anonymousTime)) // then the server's own holds
	}
	if len(r.TransferEncoding) > 0 {
		// A Content-Length beside it was dropped by the server, and what reads the connection before us may
		// have gone by that: nothing that follows on this connection can be trusted.
		w.Header().Set("Connection", "close")
	}
}

// extendBody gives a request the whole time again: its caller is known, or its body was read.
func extendBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // then the server's own holds
}

// Common is what every route stands behind: request id, panic recovery, deadline, security headers
// and metrics.
func Common(log *zap.Logger, reg prometheus.Registerer) func(http.Handler) http.Handler {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "orderbridge_http_request_duration_seconds", Help: "Time to answer a request.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"method", "route", "code"})
	reg.MustRegister(duration)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			id := requestID(r)
			ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), requestIDKey, id), requestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			h := ww.Header()
			h.Set("X-Request-Id", id)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
			guardBody(ww, r)
			defer func() {
				if v := recover(); v != nil {
					if v == http.ErrAbortHandler {
						panic(v)
					}
					log.Error("handler panicked", zap.Any("panic", v), zap.ByteString("stack", debug.Stack()), zap.String("request_id", id))
					if ww.Status() == 0 {
						WriteProblem(ww, r, http.StatusInternalServerError, "internal", "see the log of this side for the request id")
					}
				}
				route := "unmatched"
				if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePattern() != "" {
					route = rc.RoutePattern()
				}
				elapsed := time.Since(start)
				duration.WithLabelValues(methodLabel(r.Method), route, strconv.Itoa(ww.Status())).Observe(elapsed.Seconds())
				log.Debug("request", zap.String("method", r.Method), zap.String("route", route), zap.Int("status", ww.Status()),
					zap.Duration("elapsed", elapsed), zap.String("request_id", id))
			}()
			if err := checkAddress(r); err != nil {
				Fail(ww, r, log, err)
				return
			}
			next.ServeHTTP(ww, r)
		})
	}
}

// methodLabel keeps what a caller makes up out of the metrics.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return m
	}
	return "other"
}

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID takes the caller's id if it is fit to be logged, or makes one.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); requestIDPattern.MatchString(id) {
		return id
	}
	return uuid.NewString()
}

// RequestID is the id of the request, behind Common.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey).(string)
	return id
}
