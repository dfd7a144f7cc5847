package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatIsOverIsNotShown: a reconciliation that is waited for is shown as it is at the end, without
// what was said of it meanwhile.
func TestWhatIsOverIsNotShown(t *testing.T) {
	answers := []string{
		`{"id":"r","peer":"b","state":"confirmed","reason":"held: a person has to confirm"}`,
		`{"id":"r","peer":"b","state":"done"}`,
	}
	side := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte(answers[0]))
		if answers = answers[1:]; err != nil {
			t.Error(err)
		}
	}))
	defer side.Close()
	t.Setenv("ORDERBRIDGE_TOKEN", "token")
	var out bytes.Buffer
	cmd := Reconciliations()
	cmd.SetArgs([]string{"show", "r", "--wait", "--url", side.URL})
	cmd.SetOut(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	require.Equal(t, ExitPerson, ExitCode(cmd.Execute()), "not proved equal")
	require.Contains(t, out.String(), "done")
	require.NotContains(t, out.String(), "a person has to confirm")
}
