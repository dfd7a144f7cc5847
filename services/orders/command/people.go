package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/orderbridge/orderbridge/contracts"
	"github.com/orderbridge/orderbridge/services/orders"
	"github.com/orderbridge/orderbridge/services/orders/access"
	"github.com/orderbridge/orderbridge/settings"
)

// Admin is the command for the people of a side, on the machine that has its database: it makes the
// first admin, and lets in again who is locked out.
func Admin() *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Manage the people of a side in its database (needs ORDERS_DATABASE_URL only)"}
	cmd.AddCommand(createUser(), listUsers(), resetPassword(), setDisabled("disable-user", "Keep a person out of the admin", true),
		setDisabled("enable-user", "Let a person into the admin again", false))
	return cmd
}

// byCommand is who the audit names for what is done here: whoever has the database.
var byCommand = orders.By{Actor: "cli"}

// withPeople does something with the people in the database of the settings.
func withPeople(ctx context.Context, do func(*access.Access) error) error {
	var c Config
	if err := settings.Load(Prefix, &c); err != nil {
		return err
	}
	store, _, err := openReady(ctx, &c)
	if err != nil {
		return err
	}
	defer store.Close()
	current, target, err := store.SchemaVersions(ctx)
	if err != nil {
		return err
	}
	if current < target {
		return fmt.Errorf("the database has schema %d and this program needs %d: run `orderbridge migrate`", current, target)
	}
	return do(access.New(store, now, zap.NewNop()))
}

func createUser() *cobra.Command {
	cmd := &cobra.Command{Use: "create-user NAME", Short: "Add a person, and print the password that was made for them", Args: cobra.ExactArgs(1)}
	role := cmd.Flags().String("role", string(access.Viewer), "viewer, operator or admin")
	stdin := passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given, err := readPassword(cmd, *stdin)
		if err != nil {
			return err
		}
		return withPeople(cmd.Context(), func(a *access.Access) error {
			u, made, err := a.CreateUser(cmd.Context(), byCommand, args[0], access.Role(*role), given)
			return printPassword(cmd, u, made, err)
		})
	}
	return cmd
}

func resetPassword() *cobra.Command {
	cmd := &cobra.Command{Use: "reset-password NAME", Short: "Give a person another password, and print it", Args: cobra.ExactArgs(1)}
	stdin := passwordFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given, err := readPassword(cmd, *stdin)
		if err != nil {
			return err
		}
		return withPeople(cmd.Context(), func(a *access.Access) error {
			u, made, err := a.ResetPassword(cmd.Context(), byCommand, args[0], given)
			return printPassword(cmd, u, made, err)
		})
	}
	return cmd
}

func passwordFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("password-stdin", false, "read the password from the standard input instead of making one")
}

// readPassword reads a password from the standard input, so that it is in no process list.
func readPassword(cmd *cobra.Command, stdin bool) (string, error) {
	if !stdin {
		return "", nil
	}
	b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4*contracts.PasswordLengthMax+2))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(b), "\r\n")
	if password == "" {
		return "", errors.New("the standard input holds no password")
	}
	return password, nil
}

// printPassword tells of a user and of the password that was made.
func printPassword(cmd *cobra.Command, u *access.User, made string, err error) error {
	if err != nil {
		return explained(err)
	}
	if made == "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (%s)\n", u.Name, u.Role)
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s (%s), password: %s\n", u.Name, u.Role, made)
	return err
}

// explained is an error with what is wrong with each field.
func explained(err error) error {
	e, ok := errors.AsType[*orders.Error](err)
	if !ok || len(e.Fields) == 0 {
		return err
	}
	var faults []string
	for _, f := range e.Fields {
		faults = append(faults, strings.TrimPrefix(f.Pointer, "/")+" "+f.Detail)
	}
	return errors.New(strings.Join(faults, "; "))
}

func listUsers() *cobra.Command {
	return &cobra.Command{
		Use: "list-users", Short: "List the people of a side", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withPeople(cmd.Context(), func(a *access.Access) error {
				users, err := a.Users(cmd.Context())
				if err != nil {
					return err
				}
				t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tROLE\tDISABLED\tCREATED")
				for _, u := range users {
					disabled := ""
					if u.Disabled {
						disabled = "disabled"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", u.Name, u.Role, disabled, u.Created.UTC().Format("2006-01-02"))
				}
				return t.Flush()
			})
		},
	}
}

func setDisabled(use, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use: use + " NAME", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPeople(cmd.Context(), func(a *access.Access) error {
				_, err := a.SetDisabled(cmd.Context(), byCommand, args[0], disabled)
				return err
			})
		},
	}
}
