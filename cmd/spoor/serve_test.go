package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const searchPath = "/api/v1/iocs/search"

// query is the query string of a search.
func query(q string, more ...string) url.Values {
	v := url.Values{"q": {q}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// httpClient returns a client of its own, whose connections end with the test.
func httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestFirstKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	onEngines(t, firstKeyIsShownOnce)
}

func firstKeyIsShownOnce(t *testing.T, e engine) {
	t.Helper()
	at := e.fresh(t)
	first := serve(t, at...)
	key := first.key(t)
	if !regexp.MustCompile(`^sk_live_[0-9A-Za-z]{38}$`).MatchString(key) {
		t.Errorf("key %q has not the form of one", key)
	}
	if status, body := first.get(t, httpClient(t), key, searchPath, query("192.0.2.10")); status != http.StatusOK {
		t.Errorf("search with the first key: status %d: %s", status, body)
	}
	if strings.Contains(first.stderr.String(), key) {
		t.Error("standard error shows the key")
	}
	if !strings.Contains(first.stderr.String(), `curl -sG -H "Authorization: Bearer $SPOOR_KEY" `+first.base+searchPath) {
		t.Errorf("no curl line on standard error:\n%s", first.stderr)
	}
	if !strings.Contains(first.stderr.String(), "\n  export SPOOR_KEY=sk_live_...\n") {
		t.Errorf("no line for the variable on standard error:\n%s", first.stderr)
	}
	first.stop(t)
	second := serve(t, at...)
	if status, _ := second.get(t, httpClient(t), key, searchPath, query("192.0.2.10")); status != http.StatusOK {
		t.Errorf("search after a new start: status %d", status)
	}
	second.stop(t)
	if got := second.stdout.String(); got != "listening on "+second.base+"\n" {
		t.Errorf("second start: got standard output %q, want the address only", got)
	}
}

// TestEmptyStoreIsSaid starts a server on an empty store, fills it while the
// server runs, and starts again.
func TestEmptyStoreIsSaid(t *testing.T) {
	t.Parallel()
	onEngines(t, emptyStoreIsSaid)
}

func emptyStoreIsSaid(t *testing.T, e engine) {
	t.Helper()
	at := e.fresh(t)
	const hint = "the store is empty, so nothing will be found: 'spoor import FILE...' fills it"
	first := serve(t, at...)
	first.stderr.await(t, hint, first.done)
	if r := spoor(t, "fox.example\n", at.after("import", "--format", "list", "-")...); r.status != statusDone {
		t.Fatalf("import while a server runs: status %d: %s", r.status, r.stderr)
	}
	if status, body := first.get(t, httpClient(t), first.key(t), searchPath, query("fox.example")); status != http.StatusOK || !strings.Contains(string(body), `"found":true`) {
		t.Errorf("search for what was imported: status %d: %s", status, body)
	}
	first.stop(t)
	second := serve(t, at...)
	second.stop(t)
	if got := second.stderr.String(); strings.Contains(got, "empty") {
		t.Errorf("a store with a record: %q", got)
	}
}

func TestFirstKeyFile(t *testing.T) {
	t.Parallel()
	onEngines(t, firstKeyFile)
}

func firstKeyFile(t *testing.T, e engine) {
	t.Helper()
	at, file := e.fresh(t), filepath.Join(t.TempDir(), "key")
	for start := range 2 {
		r := serve(t, at.after("--first-key-file", file)...)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := r.get(t, httpClient(t), strings.TrimSpace(string(text)), searchPath, query("192.0.2.10"))
		if status != http.StatusOK {
			t.Errorf("start %d: search with the key of the file: status %d", start, status)
		}
		r.stop(t)
		if shown := strings.Contains(r.stderr.String(), "\n  export SPOOR_KEY=\"$(cat '"+file+"')\"\n"); shown != (start == 0) {
			t.Errorf("start %d: line for the variable shown: %v:\n%s", start, shown, r.stderr)
		}
		if strings.Contains(r.stdout.String(), "api key") {
			t.Errorf("start %d: the key is on standard output as well", start)
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("key file has mode %o, want 600", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".spoor-key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	r := spoor(t, "", e.fresh(t).after("serve", "--listen", "127.0.0.1:0", "--first-key-file", filepath.Join(file, "x"))...)
	if r.status != statusFailed || !strings.Contains(r.stderr, "first key file") {
		t.Errorf("file that cannot be made: status %d, %q", r.status, r.stderr)
	}
}

func TestServersThatStartTogetherMintOneKey(t *testing.T) {
	t.Parallel()
	onEngines(t, serversThatStartTogetherMintOneKey)
}

func serversThatStartTogetherMintOneKey(t *testing.T, e engine) {
	t.Helper()
	at := e.fresh(t)
	servers := make([]*running, 3)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() { servers[i] = launch(at...) })
	}
	wg.Wait()
	keys := map[string]bool{}
	for _, r := range servers {
		t.Cleanup(func() { r.stop(t) })
		r.base = r.stdout.await(t, "listening on ", r.done)
	}
	var key string
	for _, r := range servers {
		// What follows the address is written at once; asking makes sure of it.
		_, _ = r.get(t, httpClient(t), "none", "/healthz", nil)
		if k, ok := r.stdout.after("api key: "); ok {
			keys[k], key = true, k
		}
	}
	if len(keys) != 1 {
		t.Fatalf("got %d first keys, want 1", len(keys))
	}
	for i, r := range servers {
		if status, body := r.get(t, httpClient(t), key, searchPath, query("192.0.2.10")); status != http.StatusOK {
			t.Errorf("server %d: status %d: %s", i, status, body)
		}
	}
}

func TestRevokedKeyIsRefusedSoon(t *testing.T) {
	t.Parallel()
	onEngines(t, revokedKeyIsRefusedSoon)
}

func revokedKeyIsRefusedSoon(t *testing.T, e engine) {
	t.Helper()
	at := e.fresh(t)
	r := serve(t, at...)
	r.key(t)
	key := strings.TrimSpace(must(t, at.after("keys", "create", "--name", "short-lived")...))
	client := httpClient(t)
	if status, body := r.get(t, client, key, searchPath, query("192.0.2.10")); status != http.StatusOK {
		t.Fatalf("new key: status %d: %s", status, body)
	}
	must(t, at.after("keys", "revoke", key[:len("sk_live_")+4])...)
	deadline := time.Now().Add(2 * time.Second)
	for {
		status, body := r.get(t, client, key, searchPath, query("192.0.2.10"))
		if status == http.StatusUnauthorized {
			if !strings.Contains(string(body), `"invalid_api_key"`) {
				t.Errorf("refused with %s", body)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still status %d two seconds after it was revoked", status)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// half opens a connection and sends the first part of a request.
func (r *running) half(t *testing.T, key string) {
	t.Helper()
	fmt.Fprintf(r.dial(t), "GET %s?q=192.0.2.10 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n", searchPath, key)
}

// dial returns a connection that ends with the test.
func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// stuck asks for a long answer over a connection that takes in little of it,
// and waits until the server is writing it.
func (r *running) stuck(t *testing.T, key string) *bufio.Reader {
	t.Helper()
	conn := r.dial(t)
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /api/v1/iocs?limit=10000 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n", key)
	in := bufio.NewReaderSize(conn, 16)
	if _, err := in.Peek(1); err != nil {
		t.Fatalf("wait for the answer to begin: %v", err)
	}
	return in
}

// full returns a store whose list is longer than what the
// buffers between a server and its client hold.
func full(t *testing.T, e engine) place {
	t.Helper()
	at, input := e.fresh(t), filepath.Join(t.TempDir(), "full.txt")
	if err := os.WriteFile(input, manyRows(strings.Repeat("long/", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, at.after("import", input)...)
	return at
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	onEngines(t, stopFinishesWhatIsInFlight)
}

func stopFinishesWhatIsInFlight(t *testing.T, e engine) {
	t.Helper()
	r := serve(t, full(t, e)...)
	in := r.stuck(t, r.key(t))
	r.cancel()
	select {
	case status := <-r.done:
		t.Fatalf("stopped with status %d while an answer was being written", status)
	case <-time.After(300 * time.Millisecond):
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://")); err == nil {
		t.Error("a stopping server takes new connections")
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("read the answer of a stopping server: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the rest of the answer: %v", err)
	}
	if rows := plainJSON(t, body)["data"].([]any); len(rows) != 10_000 {
		t.Errorf("the answer has %d rows, want 10000", len(rows))
	}
	r.stop(t)
}

func TestSlowClientsDoNotBlockOthers(t *testing.T) {
	t.Parallel()
	onEngines(t, slowClientsDoNotBlockOthers)
}

func slowClientsDoNotBlockOthers(t *testing.T, e engine) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(conf, []byte("shutdown_grace: 500ms\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := serve(t, full(t, e).after("--config", conf)...)
	key := r.key(t)
	for range 8 { // more than there are readers of the store on two cores
		r.stuck(t, key)
	}
	for range 100 {
		r.half(t, key)
	}
	if status, _ := r.get(t, httpClient(t), key, searchPath, query("10.0.0.40")); status != http.StatusOK {
		t.Errorf("beside slow clients: status %d", status)
	}
	began := time.Now()
	r.cancel()
	if status := <-r.done; status != statusFailed {
		t.Errorf("breaking requests off ended with status %d, want %d", status, statusFailed)
	}
	r.done <- statusDone // for the clean-up
	if took := time.Since(began); took > patience/2 {
		t.Errorf("stopping took %s with clients that never finish", took)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := selfMade(t)
	r := serve(t, "--data", t.TempDir(), "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(r.base, "https://127.0.0.1:") {
		t.Fatalf("listening on %s, want https", r.base)
	}
	apiKey := r.key(t)
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: http2}
		t.Cleanup(transport.CloseIdleConnections)
		if status, body := r.get(t, &http.Client{Transport: transport}, apiKey, searchPath, query("192.0.2.10")); status != http.StatusOK {
			t.Errorf("HTTP/2 %v: status %d: %s", http2, status, body)
		}
	}
}

// selfMade writes a certificate for 127.0.0.1 and its key.
func selfMade(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "spoor test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, key, pool
}

func TestWarnsWhenExposed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		addr   string
		secure bool
		warns  bool
	}{
		"loopback":         {"127.0.0.1:80", false, false},
		"loopback ipv6":    {"[::1]:80", false, false},
		"all":              {"0.0.0.0:80", false, true},
		"all ipv6":         {"[::]:80", false, true},
		"one address":      {"192.0.2.1:80", false, true},
		"all with TLS":     {"0.0.0.0:443", true, false},
		"mapped loopback":  {"[::ffff:127.0.0.1]:80", false, false},
		"address with TLS": {"192.0.2.1:443", true, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.addr))
			warnExposed(slog.New(slog.NewTextHandler(&log, nil)), addr, c.secure)
			if got := strings.Contains(log.String(), "without TLS"); got != c.warns {
				t.Errorf("warns: got %v, want %v: %s", got, c.warns, log.String())
			}
		})
	}
}

func TestListensOnNoMoreThanAsked(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{"0.0.0.0:0": "tcp4", "127.0.0.1:0": "tcp4", "[::]:0": "tcp", "[::1]:0": "tcp", "localhost:0": "tcp", ":0": "tcp"} {
		if got := network(listen); got != want {
			t.Errorf("network(%q) = %q, want %q", listen, got, want)
		}
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), network("0.0.0.0:0"), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if at := netip.MustParseAddrPort(ln.Addr().String()); !at.Addr().Is4() {
		t.Errorf("0.0.0.0:0 listens on %s", at)
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	onEngines(t, addressInUse)
}

func addressInUse(t *testing.T, e engine) {
	t.Helper()
	r := serve(t, "--data", t.TempDir())
	at := e.fresh(t)
	got := spoor(t, "", at.after("serve", "--listen", strings.TrimPrefix(r.base, "http://"))...)
	if got.status != statusFailed || !strings.Contains(got.stderr, "--listen HOST:PORT") {
		t.Errorf("got status %d and %q", got.status, got.stderr)
	}
	if got.stdout != "" {
		t.Errorf("a server that cannot listen wrote %q", got.stdout)
	}
	if keys := must(t, at.after("keys", "list")...); keys != "" {
		t.Errorf("a server that cannot listen made a key:\n%s", keys)
	}
}
