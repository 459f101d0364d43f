package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"spoor/internal/auth"
	"spoor/internal/config"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// newKeysCommand returns "spoor keys" with its subcommands.
func newKeysCommand(a *app) *cobra.Command {
	keys := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys",
		Args:  cobra.ArbitraryArgs,
		RunE:  unknownCommand,
	}
	keys.AddCommand(newKeysCreateCommand(a), newKeysListCommand(a), newKeysRevokeCommand(a))
	return keys
}

// storeFlags adds the flags that say which store a command works on.
func storeFlags(cmd *cobra.Command) {
	settingFlags(cmd.Flags(), "data", "store")
	cmd.MarkFlagsMutuallyExclusive("data", "store")
}

// keyFlags is what "keys create" was told about the new key.
type keyFlags struct {
	name, account, tier, expires, maxTLP string
	scopes, allowedIPs                   []string
}

func newKeysCreateCommand(a *app) *cobra.Command {
	var k keyFlags
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key and write it to standard output, this once",
		Long: `Makes a key. Its text is written to standard output and kept nowhere: only its hash is stored.

Scopes: ` + strings.Join(scopeNames(auth.Scopes()), ", "),
		Example: `  spoor keys create --name siem --expires 90d
  spoor keys create --tier pro --scope read:iocs --scope read:stix --allowed-ip 192.0.2.0/24 --max-tlp green`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.createKey(cmd, k) },
	}
	f := cmd.Flags()
	f.StringVar(&k.name, "name", "", "your own word for the key")
	f.StringVar(&k.account, "account", auth.DefaultAccount, "who owns the key")
	f.StringVar(&k.tier, "tier", auth.Local, "limits of the key: free, pro or local (none)")
	f.StringSliceVar(&k.scopes, "scope", nil, "what the key may do; may be repeated (default: all that its tier may)")
	f.StringVar(&k.expires, "expires", "", "when the key ends: 90d, 12h, 2027-01-31 or an RFC 3339 time (default: never)")
	f.StringSliceVar(&k.allowedIPs, "allowed-ip", nil, "address or range the key may be used from; may be repeated (default: any)")
	f.StringVar(&k.maxTLP, "max-tlp", "", "strictest marking the key is shown: clear, green, amber, amber+strict or red (default: red for tier local, else clear)")
	storeFlags(cmd)
	return cmd
}

func (a *app) createKey(cmd *cobra.Command, k keyFlags) error {
	spec, err := k.spec(a.now())
	if err != nil {
		return err
	}
	loaded, err := a.settings(cmd)
	if err != nil {
		return err
	}
	spec.Prefix = loaded.KeyPrefix
	text, key, err := auth.NewKey(rand.Reader, spec, a.now())
	if err != nil {
		return err
	}
	st, err := a.openStore(cmd.Context(), loaded.Config)
	if err != nil {
		return err
	}
	if err := errors.Join(addKey(cmd.Context(), st, key), st.Close()); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "key %s, tier %s, scopes %s, markings up to %s%s\nIt is shown only now: keep it where others cannot read it.\n",
		key.ID, key.Tier, strings.Join(key.Scopes, " "), maxTLP(key), untilText(key.ExpiresAt))
	_, err = fmt.Fprintln(a.stdout, text)
	return err
}

// addKey stores a key whose text is lost when it returns an error: one that is
// there all the same is of no use to anybody.
func addKey(ctx context.Context, st store.KeyKeeper, key store.Key) error {
	const unsure = "it may have been made all the same: look at 'spoor keys list' and revoke it"
	err := st.AddKey(ctx, key)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled): // whose text says nothing, and is not shown
		return errors.New("keep key: stopped: " + unsure)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("keep key: %w: %s", err, unsure)
	default:
		return fmt.Errorf("keep key: %w", err)
	}
}

// spec reads the flags; its errors are mistakes of usage.
func (k keyFlags) spec(now time.Time) (auth.Spec, error) {
	spec := auth.Spec{Name: k.name, Account: k.account, Tier: k.tier}
	may := auth.ScopesOf(k.tier)
	if len(may) == 0 {
		return spec, usagef("--tier %q: use free, pro or local", k.tier)
	}
	for _, s := range k.scopes {
		if !slices.Contains(may, auth.Scope(s)) {
			return spec, usagef("--scope %q: tier %s may have %s", s, k.tier, strings.Join(scopeNames(may), ", "))
		}
		spec.Scopes = append(spec.Scopes, auth.Scope(s))
	}
	for _, s := range k.allowedIPs {
		p, err := parseRange(s)
		if err != nil {
			return spec, usagef("--allowed-ip %q: use an address such as 192.0.2.10 or a range such as 192.0.2.0/24", s)
		}
		spec.AllowedIPs = append(spec.AllowedIPs, p)
	}
	if k.maxTLP != "" {
		tlp, err := ioc.ParseTLP(k.maxTLP)
		if err != nil {
			return spec, usagef("--max-tlp: %v", err)
		}
		spec.MaxTLP = tlp
	}
	if k.expires != "" {
		at, err := parseExpiry(k.expires, now)
		if err != nil {
			return spec, err
		}
		spec.ExpiresAt = at
	}
	return spec, nil
}

func parseRange(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// parseExpiry reads a number of days, a duration, a date (its first moment in
// UTC) or a time. What is over already is refused: such a key is a mistake.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.Parse(time.DateOnly, s)
	}
	if err != nil {
		var span time.Duration
		if days, isDays := strings.CutSuffix(s, "d"); isDays {
			var n int
			n, err = strconv.Atoi(days)
			at = now.AddDate(0, 0, n)
		} else {
			span, err = time.ParseDuration(s)
			at = now.Add(span)
		}
	}
	if err != nil {
		return at, usagef("--expires %q: use 90d, 12h, 2027-01-31 or 2027-01-31T08:00:00Z", s)
	}
	at = at.UTC().Truncate(time.Second)
	if !at.After(now) {
		return at, usagef("--expires %q is over already", s)
	}
	return at, nil
}

func newKeysListCommand(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys, without their secrets",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			st, err := a.openExisting(cmd.Context(), loaded.Config)
			if err != nil {
				return err
			}
			keys, err := st.Keys(cmd.Context())
			if err := errors.Join(err, st.Close()); err != nil {
				return fmt.Errorf("list keys: %w", err)
			}
			if asJSON {
				return a.writeJSON(keyEntries(keys, a.now()))
			}
			return a.keyTable(keyEntries(keys, a.now()))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write a JSON array")
	storeFlags(cmd)
	return cmd
}

func newKeysRevokeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke {ID|PREFIX|KEY}...",
		Short: "End keys, now and for good",
		Long: `Ends keys for good. A key is named by its id, by the prefix that 'spoor keys list' shows, or by its whole
text. Running servers refuse it within two seconds.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name the keys to end by id, prefix or text: 'spoor keys list' shows ids and prefixes")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onExisting(cmd, func(_ config.Config, st store.Store) error {
				return a.revoke(cmd.Context(), st, args)
			})
		},
	}
	storeFlags(cmd)
	return cmd
}

// revoke finds all the keys before it ends the first: a mistyped name in a
// list must not leave half of it done.
func (a *app) revoke(ctx context.Context, keys store.KeyKeeper, names []string) error {
	all, err := keys.Keys(ctx)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	found := make([]store.Key, 0, len(names))
	for _, name := range names {
		k, err := findKey(all, name)
		if err != nil {
			return err
		}
		found = append(found, k)
	}
	for _, k := range found {
		if err := keys.RevokeKey(ctx, k.ID, a.now().UTC()); err != nil {
			return fmt.Errorf("revoke key %s: %w", k.ID, err)
		}
		fmt.Fprintf(a.stdout, "revoked %s %s\n", k.ID, k.Prefix)
	}
	return nil
}

// findKey returns the one key with that id, prefix or text.
func findKey(all []store.Key, name string) (store.Key, error) {
	isText := auth.Verify(name) == nil
	id, notID := uuid.Parse(name)
	var found []store.Key
	for _, k := range all {
		if notID == nil && k.ID == id || k.Prefix == name || isText && k.Hash == auth.Hash(name) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return store.Key{}, fmt.Errorf("revoke key: %d keys begin with %s: name one by its id, 'spoor keys list' shows them", len(found), name)
	case isText: // a secret is not repeated on a screen
		return store.Key{}, errors.New("revoke key: no such key: 'spoor keys list' shows them")
	default:
		return store.Key{}, fmt.Errorf("revoke key: no key %q: 'spoor keys list' shows them", name)
	}
}

func scopeNames(scopes []auth.Scope) []string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = string(s)
	}
	return names
}
