package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPasswords(t *testing.T) {
	one, two := hashPassword("correct horse"), hashPassword("correct horse")
	require.NotEqual(t, one, two, "each has a salt of its own")
	require.True(t, strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$"))
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false, "Correct horse": false} {
		ok, err := fits(password, one)
		require.NoError(t, err)
		require.Equal(t, want, ok, password)
	}
	// A hash that another program made: the reference implementation's test vector for argon2id.
	ok, err := fits("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	require.NoError(t, err)
	require.True(t, ok)
}

// TestNobodysPassword: a name that there is not costs as much to try as one that there is.
func TestNobodysPassword(t *testing.T) {
	ok, err := fits("correct horse", nobody)
	require.NoError(t, err)
	require.False(t, ok)
	upToSalt := func(hash string) string { return hash[:strings.LastIndex(hash[:strings.LastIndex(hash, "$")], "$")] }
	require.Equal(t, upToSalt(hashPassword("x")), upToSalt(nobody), "the same work")
	require.Len(t, nobody, len(hashPassword("x")))
}

// TestDamagedHashes: what cannot be read lets nobody in and takes no memory.
func TestDamagedHashes(t *testing.T) {
	good := hashPassword("x")
	parts := strings.Split(good, "$")
	with := func(i int, part string) string {
		p := append([]string(nil), parts...)
		p[i] = part
		return strings.Join(p, "$")
	}
	for _, bad := range []string{
		"", "x", "$", good + "$", with(1, "argon2i"), with(2, "v=16"), with(2, ""), with(3, "m=1"), with(3, "m=4294967295,t=1,p=1"),
		with(3, "m=19456,t=0,p=1"), with(3, "m=19456,t=2,p=0"), with(3, "m=-1,t=2,p=1"), with(4, "*"), with(5, "*"), with(5, ""), with(5, "AAAA"),
	} {
		ok, err := fits("x", bad)
		require.ErrorIs(t, err, errHash, "%q", bad)
		require.False(t, ok)
	}
}

func TestRoles(t *testing.T) {
	for _, r := range Roles {
		for _, least := range Roles {
			want := r == least || r == Admin && (least == Viewer || least == Operator) || r == Operator && least == Viewer
			require.Equal(t, want, r.AtLeast(least), "%s as %s", r, least)
		}
	}
	require.False(t, Role("").AtLeast(Viewer))
	require.False(t, Role("root").AtLeast(Viewer))
}

func TestAuditMarks(t *testing.T) {
	for _, m := range []AuditMark{{At: start, ID: 1}, {At: start, Audit: true, ID: 1 << 62}, {At: start.AddDate(-60, 0, 0), ID: 35}} {
		got, err := ParseAuditMark(m.String())
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
	for _, bad := range []string{"", ".", "1", "1.", "1.x1", "1.l", "1.a*", "*.l1", ".l1", "1.l1.l1", "zzzzzzzzzzzzzzzzzz.l1"} {
		_, err := ParseAuditMark(bad)
		require.Error(t, err, bad)
	}
}
