package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"spoor/api"
	"spoor/client"
	"spoor/internal/search"
)

// keyVariable is where a key for --server is taken from: unlike a flag, other
// users of the machine cannot read it.
const keyVariable = "SPOOR_KEY"

// searchServer returns the body that a server answers with.
func (a *app) searchServer(cmd *cobra.Command, q search.Query, f searchFlags) ([]byte, error) {
	key, err := a.serverKey(f.keyFile)
	if err != nil {
		return nil, err
	}
	c, err := client.New(f.server, key, client.Options{UserAgent: "spoor/" + readVersion().Version})
	if err != nil {
		return nil, usagef("--server: %v", err)
	}
	defer c.Close()
	if keyExposed(f.server) {
		fmt.Fprintf(a.stderr, "%s: warning: the key and the query travel unencrypted to %s: use its https address\n", cmd.CommandPath(), f.server)
	}
	params := client.SearchParams{
		Q: q.Text, Match: string(q.Match), WithoutRelated: !q.Related, Explain: q.Explain, AsOf: q.AsOf, Limit: q.Limit, Offset: q.Offset,
	}
	if q.Type.Valid() {
		params.Type = q.Type.String()
	}
	body, err := c.SearchRaw(cmd.Context(), params)
	if refused, ok := errors.AsType[*api.Error](err); ok {
		if wait, ok := client.RetryAfter(err); ok && refused.Code == api.RateLimitExceeded {
			return nil, fmt.Errorf("search: %w: try again in %v", err, wait)
		}
		return nil, fmt.Errorf("search: %w%s", err, nextStep(refused.Code))
	}
	if err != nil {
		return nil, fmt.Errorf("search: %w: is a spoor server running there, and is the address right?", err)
	}
	return body, nil
}

// serverKey reads the key from the file, else from the environment.
func (a *app) serverKey(file string) (string, error) {
	if file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // the user names it
		if err != nil {
			return "", fmt.Errorf("read key: %w", err)
		}
		key := strings.TrimSpace(string(text))
		if key == "" || strings.ContainsAny(key, " \t\r\n") {
			return "", fmt.Errorf("read key: %s holds no key: it should hold one line with the key alone", file)
		}
		return key, nil
	}
	for _, e := range a.environ {
		if name, value, _ := strings.Cut(e, "="); name == keyVariable && value != "" {
			return strings.TrimSpace(value), nil
		}
	}
	return "", usagef("--server needs a key: put it into the variable %s or name a file with --key-file", keyVariable)
}

// keyExposed reports whether a key sent there can be read on the way.
func keyExposed(base string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || !addr.Unmap().IsLoopback()
}

// nextStep says what to do about a server's refusal.
func nextStep(code api.Code) string {
	steps := map[api.Code]string{
		api.InvalidAPIKey:      "check " + keyVariable + ", or make a key with 'spoor keys create' on the server's machine",
		api.ExpiredAPIKey:      "make a new key with 'spoor keys create' on the server's machine",
		api.InsufficientScope:  "make a key with that scope: 'spoor keys create --scope'",
		api.AddressNotAllowed:  "use the key from an address it allows, or make another one",
		api.MisdirectedRequest: "use the name the server knows itself by (its public_url), or add this one to its allowed_hosts",
		api.Unavailable:        "try again in a moment",
	}
	if step, ok := steps[code]; ok {
		return ": " + step
	}
	return ""
}
