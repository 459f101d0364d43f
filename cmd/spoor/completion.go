package main

import (
	"github.com/spf13/cobra"
)

// newCompletionCommand returns "spoor completion".
func newCompletionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion {bash|zsh|fish|powershell}",
		Short: "Write a shell's completion script",
		Long: `Writes the completion script of a shell to standard output. To use it in the running shell:

  bash         source <(spoor completion bash)
  zsh          source <(spoor completion zsh)
  fish         spoor completion fish | source
  powershell   spoor completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 0 {
				return usagef("name a shell: bash, zsh, fish or powershell")
			}
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			default:
				return usagef("unknown shell %q: use bash, zsh, fish or powershell", args[0])
			}
		},
	}
}
