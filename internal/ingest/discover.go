package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"spoor/internal/feed"
	"spoor/internal/fetch"
)

// maxRoots is how many API roots of a server are asked for their collections.
const maxRoots = 10

// Collection is a collection of a TAXII server that can be read, with the
// address that Source.URL takes.
type Collection struct {
	URL, Title, Description string
}

// IsDiscovery reports whether the source is the address of a TAXII server
// itself, or of one of its API roots, where that of a collection should be.
func IsDiscovery(src Source) bool {
	u, err := url.Parse(src.URL)
	if err != nil || isFileURL(src.URL) {
		return false
	}
	_, id, found := strings.Cut(u.Path, "/collections/")
	if found && strings.Trim(id, "/") != "" {
		return false
	}
	return src.Format == FormatTAXII || src.Format == "" && strings.Contains(u.Path, "taxii")
}

// Discover asks a TAXII server which collections it has: at its discovery
// address, at that of an API root, or at a root's list of collections.
func (po *Poller) Discover(ctx context.Context, src Source) ([]Collection, error) {
	at, err := url.Parse(src.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the feed's url does not parse", ErrRequest)
	}
	d := discovery{po: po, src: src, own: at}
	if strings.HasSuffix(strings.TrimSuffix(at.Path, "/"), "/collections") {
		return d.collections(ctx, at)
	}
	body, err := d.get(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("ask taxii server: %w", err)
	}
	said, err := feed.ParseDiscovery(ctx, strings.NewReader(body))
	if err != nil { // then it is one of the roots
		return d.collections(ctx, slashed(at).JoinPath("collections/"))
	}
	var all []Collection
	var problems error
	for _, root := range said.APIRoots[:min(len(said.APIRoots), maxRoots)] {
		to, err := at.Parse(root)
		if err != nil {
			continue
		}
		list, err := d.collections(ctx, slashed(to).JoinPath("collections/"))
		all, problems = append(all, list...), errors.Join(problems, err)
	}
	if len(all) > 0 {
		return all, nil // a root that wants another key is none of ours
	}
	return nil, problems
}

func slashed(u *url.URL) *url.URL {
	to := *u
	to.RawQuery, to.Fragment = "", ""
	return &to
}

// discovery is one look at a server.
type discovery struct {
	po  *Poller
	src Source
	own *url.URL
}

// collections reads the list of a root's collections.
func (d discovery) collections(ctx context.Context, at *url.URL) ([]Collection, error) {
	body, err := d.get(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("ask taxii server for collections: %w", err)
	}
	said, err := feed.ParseCollections(ctx, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	all := make([]Collection, 0, len(said))
	for _, c := range said {
		if c.CanRead {
			all = append(all, Collection{URL: slashed(at).JoinPath(c.ID, "/").String(), Title: c.Title, Description: c.Description})
		}
	}
	return all, nil
}

// maxSaid is the longest answer of a server about itself.
const maxSaid = 4 << 20

// get asks in both spellings of the media type. The source's key goes to the
// source's own host alone.
func (d discovery) get(ctx context.Context, at *url.URL) (string, error) {
	req := fetch.Request{URL: at.String(), LinkedFrom: d.src.URL, MaxBytes: maxSaid}
	if at.Scheme == d.own.Scheme && at.Host == d.own.Host {
		req.Configured, req.Header = true, d.src.Header
	}
	var res *fetch.Result
	var err error
	for _, req.Accept = range taxiiTypes {
		res, err = d.po.fetch.Get(ctx, req)
		var refused *fetch.StatusError
		if !errors.As(err, &refused) || refused.Code != notAcceptable && refused.Code != unsupportedMediaType {
			break
		}
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Close() }() // only read from
	text, err := res.Text()
	if err != nil {
		return "", fmt.Errorf("decode answer: %w", err)
	}
	body, err := io.ReadAll(text)
	return string(body), err
}
