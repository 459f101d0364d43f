package fetch

import (
	"io"
	"mime"
	"net/http"
	"net/url"
)

// Result is a document. Its Fingerprint is what to remember of it.
type Result struct {
	// URL is where it was found, after redirects. Its query may hold a key.
	URL string
	// Name is the last element of the URL's path, or empty. It is a hint only:
	// a server may pack list.txt.gz for the transfer and call that its
	// encoding, which is taken off while the name stays.
	Name string
	// MediaType is in lower case and without parameters; empty when the source
	// did not say, as files never do.
	MediaType string
	// Charset is what the source said; Text decides what it is.
	Charset string
	Fingerprint
	// Received is the bytes of the body on the wire, Size of it unpacked.
	Received, Size int64
	// Body is complete. It is in memory, or in a file that has no name. It is
	// nil when the document is unchanged.
	Body Body

	header http.Header
}

// Body is the bytes of a document.
type Body interface {
	io.ReadSeekCloser
	io.ReaderAt
}

const (
	maxTag  = 1 << 10
	maxDate = 100
)

// newResult has all but the body.
func newResult(u *url.URL, resp *http.Response) *Result {
	res := &Result{URL: u.String(), Name: fileName(u.Path), header: resp.Header}
	res.setType(resp.Header.Get("Content-Type"))
	if tag := resp.Header.Get("ETag"); len(tag) <= maxTag {
		res.ETag = tag
	}
	if date := resp.Header.Get("Last-Modified"); len(date) <= maxDate {
		res.LastModified = date
	}
	return res
}

func (r *Result) setType(text string) {
	mediaType, params, err := mime.ParseMediaType(text)
	if err != nil && mediaType == "" {
		return
	}
	r.MediaType, r.Charset = mediaType, params["charset"]
}

// updated is the known fingerprint with what the source said anew.
func (known Fingerprint) updated(said Fingerprint) Fingerprint {
	if said.ETag != "" {
		known.ETag = said.ETag
	}
	if said.LastModified != "" {
		known.LastModified = said.LastModified
	}
	return known
}

// Header returns the first value of a header of the answer, or nothing. A file
// has none.
func (r *Result) Header(name string) string { return r.header.Get(name) }

// Close drops the body. It is safe on a result without one.
func (r *Result) Close() error {
	if r == nil || r.Body == nil {
		return nil
	}
	return r.Body.Close()
}
