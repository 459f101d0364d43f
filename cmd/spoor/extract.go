package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"spoor/internal/benign"
	"spoor/internal/extract"
	"spoor/internal/ingest"
	"spoor/internal/ioc"
)

// extractHead is how much of an input is looked at to tell what it is.
const extractHead = 4096

// newExtractCommand returns "spoor extract".
func newExtractCommand(a *app) *cobra.Command {
	var asJSON, distinct bool
	cmd := &cobra.Command{
		Use:   "extract [PATH|-]",
		Short: "Find the indicators in a text or HTML page",
		Long: `Reads text, Markdown, AsciiDoc, HTML or PDF, from a file or standard input, and writes the indicators that it
means, in order of appearance. Nothing is stored. On a terminal it writes a table with defanged values;
elsewhere, and with --json, one JSON object a line: type, value (as written), normalized, context, offset
(in bytes of the text) and defanged.`,
		Example: `  spoor extract report.html
  pbpaste | spoor extract --json - | jq -r .normalized`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "-"
			if len(args) == 1 {
				path = args[0]
			}
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			known, err := a.newKnownGood(cmd.Context(), loaded.Config, nil)
			if err != nil {
				return err
			}
			found, err := a.extract(cmd.Context(), path, known.base)
			if distinct {
				found = eachOnce(found)
			}
			if len(found) > 0 || err == nil {
				err = errors.Join(a.writeCandidates(found, asJSON || !isTerminal(a.stdout)), err)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write one JSON object a line")
	cmd.Flags().BoolVar(&distinct, "distinct", false, "write each indicator once")
	settingFlags(cmd.Flags(), "warning_lists")
	return cmd
}

// extract reads one input and returns what is in it; with ErrLimit also what
// was found until then.
func (a *app) extract(ctx context.Context, path string, lists *benign.Lists) ([]extract.Candidate, error) {
	input := a.stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the user names it
		if err != nil {
			return nil, fmt.Errorf("open input: %w: check the path, or give - for standard input", err)
		}
		defer func() { _ = f.Close() }() // only read from
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("read %s: is a folder: name a file, or load the folder with 'spoor import'", path)
		}
		input = f
	} else if isTerminal(a.stdin) {
		fmt.Fprintln(a.stderr, "reading text from the terminal, end it with Ctrl-D")
	}
	r := bufio.NewReaderSize(input, extractHead)
	head, err := r.Peek(extractHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read input: %w", err)
	}
	kind, ok := extract.DetectKind(path, head)
	if !ok {
		return nil, fmt.Errorf("read %s: is not text: convert it first, a Word document to PDF for instance", path)
	}
	doc, err := extract.Main(ctx, r, kind)
	switch {
	case errors.Is(err, extract.ErrTooLarge):
		return nil, fmt.Errorf("read input: %w: split it", err)
	case err != nil:
		return nil, fmt.Errorf("read input: %w", err)
	}
	found, err := extract.Text(ctx, doc.Text, extract.Options{Links: doc.Links})
	found, dropped := ingest.Judged(lists, found)
	for reason, n := range dropped {
		fmt.Fprintf(a.stderr, "%d left out: %s\n", n, ingest.Describe(reason))
	}
	if errors.Is(err, extract.ErrLimit) {
		return found, fmt.Errorf("%w: split the input: what was found until then has been written", err)
	}
	return found, err
}

// eachOnce keeps the first mention of each indicator.
func eachOnce(found []extract.Candidate) []extract.Candidate {
	seen := make(map[ioc.Indicator]bool, len(found))
	return slices.DeleteFunc(found, func(c extract.Candidate) bool {
		c.Indicator.Port = 0
		twice := seen[c.Indicator]
		seen[c.Indicator] = true
		return twice
	})
}

// candidate is one line of the JSON output.
type candidate struct {
	Type       string `json:"type"`
	Value      string `json:"value"`
	Normalized string `json:"normalized"`
	Context    string `json:"context"`
	Offset     int    `json:"offset"`
	Defanged   bool   `json:"defanged"`
}

func (a *app) writeCandidates(found []extract.Candidate, asJSON bool) error {
	if !asJSON {
		return a.candidateTable(found)
	}
	w := bufio.NewWriter(a.stdout)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, c := range found {
		err := e.Encode(candidate{
			Type: c.Indicator.Type.String(), Value: c.Raw, Normalized: c.Indicator.Value,
			Context: c.Context, Offset: c.Offset, Defanged: c.Defanged,
		})
		if err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (a *app) candidateTable(found []extract.Candidate) error {
	if len(found) == 0 {
		fmt.Fprintln(a.stderr, "no indicators found")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TYPE\tVALUE\tOFFSET\tCONTEXT")
	for _, c := range found {
		value := ioc.Defang(c.Indicator.Type, c.Indicator.Value)
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", c.Indicator.Type, value, c.Offset, shorten(ioc.DefangText(printable(c.Context)), 60))
	}
	return w.Flush()
}

// shorten cuts a text to n characters and marks the cut.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
