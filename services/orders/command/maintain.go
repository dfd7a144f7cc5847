package command

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/settings"
)

// Migrate is the command that brings a database to the newest schema.
func Migrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database of ORDERS_DATABASE_URL to the newest schema",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(Prefix, &c); err != nil {
				return err
			}
			store, log, err := openReady(cmd.Context(), &c)
			if err != nil {
				return err
			}
			defer store.Close()
			var version int64
			err = await(cmd.Context(), log, "migrate", func(ctx context.Context) (err error) {
				version, err = store.Migrate(ctx)
				return err
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "schema %d\n", version)
			return err
		},
	}
}

// ShowConfig is the command that prints the service's settings in force, without the secrets.
func ShowConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Print the settings of `orderbridge serve`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(Prefix, &c); err != nil {
				return err
			}
			return settings.Print(cmd.OutOrStdout(), Prefix, &c)
		},
	}
}

// Version is the command that says what was built.
func Version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of Go",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("the program was built without module information")
			}
			revision := ""
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					revision = " " + s.Value
				}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "orderbridge %s%s %s\n", info.Main.Version, revision, info.GoVersion)
			return err
		},
	}
}
