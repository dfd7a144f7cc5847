// Package settings reads a program's settings from the environment, the one way for every program:
// variables with the program's prefix, secrets also from files named by NAME_FILE, unknown variables
// of the prefix refused so that a typo is seen, and a listing of what is in force without the secrets.
package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/kelseyhightower/envconfig"
)

// Load fills cfg, a pointer to a struct whose fields carry envconfig's split_words, default and desc
// tags. A field with secret:"true" may also come from the file that <NAME>_FILE names, without its
// trailing line end. Names other than the struct's with the same prefix are refused.
func Load(prefix string, cfg any) error {
	if err := readSecretFiles(prefix, cfg); err != nil {
		return err
	}
	if err := envconfig.CheckDisallowed(prefix, cfg); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := envconfig.Process(prefix, cfg); err != nil {
		return fmt.Errorf("settings: %w", withoutValue(err))
	}
	return nil
}

// withoutValue keeps the rejected value, which may be a secret, out of the message.
func withoutValue(err error) error {
	var p *envconfig.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("%s is no %s", p.KeyName, p.TypeName)
	}
	return err
}

func readSecretFiles(prefix string, cfg any) error {
	var errs []error
	for _, f := range fields(prefix, cfg) {
		if !f.secret {
			continue
		}
		path, ok := os.LookupEnv(f.name + "_FILE")
		if !ok {
			continue
		}
		if _, both := os.LookupEnv(f.name); both {
			errs = append(errs, fmt.Errorf("settings: %s and %s_FILE are both set; keep one", f.name, f.name))
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("settings: %s_FILE: %w", f.name, err))
			continue
		}
		if err := os.Setenv(f.name, strings.TrimRight(string(b), "\r\n")); err != nil {
			errs = append(errs, fmt.Errorf("settings: %s: %w", f.name, err))
		}
		if err := os.Unsetenv(f.name + "_FILE"); err != nil {
			errs = append(errs, fmt.Errorf("settings: %s_FILE: %w", f.name, err))
		}
	}
	return errors.Join(errs...)
}

// Print lists every setting with the value in force and its meaning; secrets show only whether they
// are set.
func Print(w io.Writer, prefix string, cfg any) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, f := range fields(prefix, cfg) {
		v := fmt.Sprint(f.value.Interface())
		if f.secret {
			v = "(not set)"
			if !f.value.IsZero() {
				v = "(set)"
			}
		}
		if _, err := fmt.Fprintf(t, "%s\t%s\t%s\n", f.name, v, f.desc); err != nil {
			return err
		}
	}
	return t.Flush()
}

// Names lists the variables that cfg reads, for tests that hold example files complete.
func Names(prefix string, cfg any) []string {
	var names []string
	for _, f := range fields(prefix, cfg) {
		names = append(names, f.name)
	}
	return names
}

type field struct {
	name, desc string
	secret     bool
	value      reflect.Value
}

func fields(prefix string, cfg any) []field {
	v := reflect.ValueOf(cfg).Elem()
	var out []field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		out = append(out, field{
			name:   prefix + "_" + strings.ToUpper(splitWords(sf.Name)),
			desc:   sf.Tag.Get("desc"),
			secret: sf.Tag.Get("secret") == "true",
			value:  v.Field(i),
		})
	}
	return out
}

// splitWords turns DatabaseURL into Database_URL, as envconfig's split_words does for the names that
// we use (a test compares the two).
func splitWords(s string) string {
	r := []rune(s)
	var b strings.Builder
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) && (!unicode.IsUpper(r[i-1]) || (i+1 < len(r) && unicode.IsLower(r[i+1]))) {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return b.String()
}
