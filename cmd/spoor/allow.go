package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"spoor/internal/benign"
	"spoor/internal/config"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// allowList is the name under which the operator's list warns.
const allowList = "allow-list"

// newAllowCommand returns "spoor allow" with its subcommands.
func newAllowCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "allow",
		Short: "Keep the list of values that you know to be good",
		Long: `The allow list is kept in the store and counts at once, for all servers on it: a record that it covers is
marked, and leaves block lists and format=txt. Reports that only mention such a value no longer make a record.`,
		Args: cobra.ArbitraryArgs,
		RunE: unknownCommand,
	}
	cmd.AddCommand(newAllowAddCommand(a), newAllowRemoveCommand(a), newAllowListCommand(a))
	return cmd
}

func newAllowAddCommand(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "add VALUE...",
		Short: "Allow values, now",
		Long: `Puts values on the allow list and marks the records that they cover. In any spelling, also defanged:

  198.51.100.7, 2001:db8::/32    an address, or the addresses of a range
  corp.example                   a host name with all names below it
  https://corp.example/app/      this URL and those that continue it
  https://*.corp.example/        every URL on the host and on those below
  @corp.example                  every e-mail address there and below
  a mailbox, a hash, a CVE, an ATT&CK id`,
		Example: `  spoor allow add corp.example --reason 'our own'
  spoor allow add 198.51.100.0/24 'https://*.cdn.example/' --reason 'scanner of our provider'`,
		Args: someValue,
		RunE: func(cmd *cobra.Command, args []string) error {
			entries := make([]benign.Entry, 0, len(args))
			for _, value := range args {
				entry, err := benign.ParseEntry(value, reason)
				if err != nil {
					return usagef("%v", err)
				}
				entries = append(entries, entry)
			}
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			st, err := a.openStore(cmd.Context(), loaded.Config)
			if err != nil {
				return err
			}
			return errors.Join(a.allow(cmd.Context(), st, entries), st.Close())
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for people; it is shown with every record that is covered")
	storeFlags(cmd)
	return cmd
}

func someValue(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("name a value: a host name, an address, a range, a URL, a hash")
	}
	return nil
}

// allowStore is what the allow list needs of a store.
type allowStore interface {
	store.AllowKeeper
	store.Judge
}

// allow puts entries on the list and has what they cover judged anew.
func (a *app) allow(ctx context.Context, st allowStore, entries []benign.Entry) error {
	for _, e := range entries {
		at := a.now().UTC().Truncate(time.Second)
		if err := st.Allow(ctx, store.Allowed{Value: e.Value, Reason: e.Reason, AddedAt: at}); err != nil {
			return fmt.Errorf("allow %s: %w", ioc.DefangText(e.Value), err)
		}
		n, err := judgeAllowed(ctx, st, e.Value)
		if err != nil {
			return fmt.Errorf("mark what %s covers: %w: 'spoor rejudge' does it", ioc.DefangText(e.Value), err)
		}
		fmt.Fprintf(a.stdout, "allowed %s: %s marked\n", e.Value, counted(n, "record"))
	}
	return nil
}

func newAllowRemoveCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove VALUE...",
		Short: "Take values off the allow list, now",
		Args:  someValue,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onExisting(cmd, func(_ config.Config, st store.Store) error {
				return a.disallow(cmd.Context(), st, args)
			})
		},
	}
	storeFlags(cmd)
	return cmd
}

// disallow takes values off the list and has what they covered judged anew.
func (a *app) disallow(ctx context.Context, st allowStore, values []string) error {
	for _, value := range values {
		name := value
		if entry, err := benign.ParseEntry(value, ""); err == nil {
			name = entry.Value
		}
		err := st.Disallow(ctx, name)
		if errors.Is(err, store.ErrNotFound) && name != value {
			name = value // kept in a spelling of before
			err = st.Disallow(ctx, name)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("remove %s: it is not on the allow list: 'spoor allow list' shows what is", ioc.DefangText(value))
		case err != nil:
			return fmt.Errorf("remove %s: %w", ioc.DefangText(value), err)
		}
		n, err := judgeAllowed(ctx, st, name)
		if err != nil {
			return fmt.Errorf("judge what %s covered: %w: 'spoor rejudge' does it", ioc.DefangText(name), err)
		}
		fmt.Fprintf(a.stdout, "removed %s: %s not marked by it any more\n", name, counted(n, "record"))
	}
	return nil
}

// judgeAllowed has the records that an entry may cover judged anew by the allow
// list alone, as it is now: what other lists said of them stays, for this
// program may not know all the lists that the servers judge by.
func judgeAllowed(ctx context.Context, st allowStore, value string) (int64, error) {
	list, err := st.Allowed(ctx)
	if err != nil {
		return 0, fmt.Errorf("read allow list: %w", err)
	}
	entries, err := allowedEntries(list)
	if err != nil {
		return 0, err
	}
	lists, err := new(benign.Lists).With(entries)
	if err != nil {
		return 0, fmt.Errorf("read allow list: %w", err)
	}
	allowed := ingest.Verdict(lists)
	return st.Rejudge(ctx, partOf(value), func(r *store.Record) []store.Warning {
		warnings := allowed(r)
		for _, w := range r.Warnings {
			if w.List != allowList {
				warnings = append(warnings, w)
			}
		}
		return warnings
	})
}

// partOf is a text that every key has which an entry may cover; empty when
// there is none.
func partOf(value string) string {
	if p, err := netip.ParsePrefix(value); err == nil {
		return networkPart(p)
	}
	if host, ok := strings.CutPrefix(value, "@"); ok {
		return host
	}
	if host, ok := strings.CutPrefix(value, "https://*."); ok {
		return strings.TrimSuffix(host, "/")
	}
	ind, err := ioc.Identify(value)
	if err != nil {
		return ""
	}
	if ind.Type == ioc.URL { // whichever of http and https it is, and however it goes on
		from, to := store.Host(ind.Type, ind.Key)
		return ind.Key[from:to]
	}
	return ind.Key
}

// networkPart is how all addresses of a network begin in text: for IPv6, whose
// text leaves out zeros wherever they are, nothing.
func networkPart(p netip.Prefix) string {
	if !p.Addr().Is4() {
		return ""
	}
	octets := strings.SplitAfter(p.Addr().String(), ".")
	return strings.Join(octets[:p.Bits()/8], "")
}

func newAllowListCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show the allow list",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			var list []store.Allowed
			st, err := a.openExisting(cmd.Context(), loaded.Config)
			switch {
			case errors.Is(err, errNoStore):
			case err != nil:
				return err
			default:
				list, err = st.Allowed(cmd.Context())
				if err := errors.Join(err, st.Close()); err != nil {
					return fmt.Errorf("read allow list: %w", err)
				}
			}
			return a.allowTable(list, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	storeFlags(cmd)
	return cmd
}

// allowEntry is an entry as "allow list --json" shows it.
type allowEntry struct {
	Value   string    `json:"value"`
	Reason  string    `json:"reason"`
	AddedAt time.Time `json:"added_at"`
}

func (a *app) allowTable(list []store.Allowed, asJSON bool) error {
	entries := make([]allowEntry, 0, len(list))
	rows := [][]string{{"VALUE", "ADDED", "REASON"}}
	for _, e := range list {
		entries = append(entries, allowEntry(e))
		rows = append(rows, []string{printable(e.Value), e.AddedAt.Format(time.DateOnly), cmp.Or(printable(e.Reason), "-")})
	}
	if asJSON {
		return a.writeJSON(entries)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, "nothing is allowed yet: 'spoor allow add VALUE' does that")
		return nil
	}
	return columnsTo(a.stdout, rows, terminalWidth(a.stdout))
}
