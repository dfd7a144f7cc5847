package command

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/settings"
)

// Migrate is the command that brings a database to the newest schema.
func Migrate() *cobra.Command {
	var app, reader string
	cmd := &cobra.Command{
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
				if version, err = store.Migrate(ctx); err != nil {
					return err
				}
				return store.Grant(ctx, app, reader)
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "schema %d\n", version)
			return err
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "role of the service, which gets the rights that it needs and no others")
	cmd.Flags().StringVar(&reader, "reader", "", "role that may only read, and no secrets")
	return cmd
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
		Short: "Print the version of the program, its commit and the version of Go",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "orderbridge %s\n", settings.ThisBuild())
			return err
		},
	}
}
