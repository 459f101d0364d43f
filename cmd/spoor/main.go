// Command spoor is the self-hosted feed of indicators of compromise: it
// imports reports and threat feeds, serves and searches what they say, and
// extracts indicators from text.
//
// The package wires the parts together and is the only place that does; it
// holds one file per subcommand and no rules of its own.
package main

import "os"

func main() { os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
