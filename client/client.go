// Package client asks a spoor server from Go, in the types of package api.
//
// It sends the key to no other host than the one it was made for, bounds what
// it reads and how long it waits, and keeps no state between calls.
//
//	c, err := client.New("https://feed.example", key, client.Options{})
//	res, err := c.Search(ctx, client.SearchParams{Q: "192.0.2.10"})
//	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.InvalidAPIKey { ... }
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"spoor/api"
)

const (
	defaultTimeout  = 60 * time.Second
	defaultMaxBytes = 64 << 20
	connectTimeout  = 10 * time.Second
	maxRedirects    = 5
	maxErrorBytes   = 64 << 10
)

// Options tune a Client. The zero value of every field works.
type Options struct {
	// Timeout bounds one call, its body included. Zero: 60 s. Streams are
	// bounded by their context only.
	Timeout time.Duration
	// MaxBytes bounds an answer that is held in memory. Zero: 64 MiB.
	MaxBytes int64
	// UserAgent is sent with every request. Empty: spoor.
	UserAgent string
	// Transport carries the requests; nil means a direct one with time limits
	// and no proxy.
	Transport http.RoundTripper
}

// Client asks one server with one key. It serves any number of goroutines.
type Client struct {
	base *url.URL
	key  string
	opts Options
	http *http.Client
}

// New returns a Client of the server at baseURL, as https://feed.example. An
// empty key is allowed; most answers will then be missing_api_key.
func New(baseURL, key string, o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(baseURL, "/"))
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return nil, fmt.Errorf("use server address %q: give scheme and host, as https://feed.example", baseURL)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.UserAgent == "" {
		o.UserAgent = "spoor"
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: defaultTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		}
	}
	c := &Client{base: base, key: key, opts: o}
	c.http = &http.Client{Transport: o.Transport, CheckRedirect: c.redirect}
	return c, nil
}

// redirect lets a server move a path, never the key to another place.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	if req.URL.Scheme != c.base.Scheme || req.URL.Host != c.base.Host {
		return fmt.Errorf("follow redirect to %s://%s: the key is for %s only; use that address if it is right", req.URL.Scheme, req.URL.Host, c.base.Host)
	}
	if len(via) >= maxRedirects {
		return errors.New("follow redirects: too many")
	}
	return nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// open sends a GET and returns the good answer's open body. An answer that is
// an error is an *api.Error in the chain.
func (c *Client) open(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	u := c.base.JoinPath(path) // path is escaped already
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("User-Agent", c.opts.UserAgent)
	res, err := c.http.Do(req)
	if err != nil {
		// The address in a *url.Error holds the query: what is searched for
		// does not belong into logs.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("ask %s: %w", c.base.Host, err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer func() { _ = res.Body.Close() }() // only read from
	return nil, fmt.Errorf("ask %s: %w", c.base.Host, readError(res))
}

// readError reads an error body; one that is not ours is told by its status.
func readError(res *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBytes))
	if err != nil {
		return fmt.Errorf("status %d: %w", res.StatusCode, err)
	}
	var e api.ErrorResponse
	if json.Unmarshal(body, &e) != nil || e.Error.Code == "" {
		return fmt.Errorf("status %d without a description: is this a spoor server?", res.StatusCode)
	}
	return &answerError{cause: &e.Error, after: readRetryAfter(res)}
}

// fetch returns the whole body of a good answer.
func (c *Client) fetch(ctx context.Context, path string, q url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	body, err := c.open(ctx, path, q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // only read from
	b, err := io.ReadAll(io.LimitReader(body, c.opts.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", c.base.Host, err)
	}
	if int64(len(b)) > c.opts.MaxBytes {
		return nil, fmt.Errorf("read answer of %s: more than %d bytes; ask for fewer rows", c.base.Host, c.opts.MaxBytes)
	}
	return b, nil
}

// get reads a good answer into a T.
func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	var v T
	b, err := c.fetch(ctx, path, q)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("read answer of %s: %w", c.base.Host, err)
	}
	return v, nil
}
