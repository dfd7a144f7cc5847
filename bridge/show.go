package bridge

import (
	"github.com/spf13/cobra"

	"github.com/orderbridge/orderbridge/settings"
)

// ShowConfig is the command that prints the bridge's settings in force, without the secrets.
func ShowConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "bridge",
		Short: "Print the settings of `orderbridge bridge`",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c Config
			if err := settings.Load(settingsPrefix, &c); err != nil {
				return err
			}
			return settings.Print(cmd.OutOrStdout(), settingsPrefix, &c)
		},
	}
}
