package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// feodoParser reads the Feodo Tracker block list, as JSON (an array of rows)
// or as CSV (with its header commented out or not): addresses of botnet
// control servers with their port and malware.
type feodoParser struct{}

// feodoRow is a row of the JSON list.
type feodoRow struct {
	Address    text `json:"ip_address"`
	Port       text `json:"port"`
	Hostname   text `json:"hostname"`
	ASName     text `json:"as_name"`
	Country    text `json:"country"`
	FirstSeen  text `json:"first_seen"`
	LastOnline text `json:"last_online"`
	Malware    text `json:"malware"`
}

// feodoColumns is the header of the CSV list.
//
//nolint:gochecknoglobals // read-only
var feodoColumns = []string{"first_seen_utc", "dst_ip", "dst_port", "c2_status", "last_online", "malware"}

// Parse implements Parser.
func (feodoParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	in := decode(r)
	c, err := firstByte(in)
	if errors.Is(err, io.EOF) {
		return errors.New("read feodo: the input is empty")
	}
	if err != nil {
		return fmt.Errorf("read feodo: %w", err)
	}
	if c == '[' || c == '{' {
		e := elements{
			member: func(string) bool { return true },
			skip:   sink.Skip,
			row:    func(where string, raw []byte) error { return feodoItem(where, raw, sink) },
		}
		err = e.walk(ctx, in)
	} else {
		t := table{isHeader: isFeodoHeader, defaults: feodoColumns}
		err = t.walk(ctx, in, sink, func(where string, row cells) error {
			return feodoRow{
				Address: text(row.get("dst_ip")), Port: text(row.get("dst_port")), Malware: text(row.get("malware")),
				FirstSeen: text(row.get("first_seen_utc")), LastOnline: text(row.get("last_online")),
			}.deliver(where, sink)
		})
	}
	if err != nil {
		return fmt.Errorf("read feodo: %w", err)
	}
	return nil
}

// detectFeodo wants the columns of the list, or a row of the JSON one.
func detectFeodo(_ string, head []byte) bool {
	fields := firstRow(head, func(string) bool { return true })
	if fields["ip_address"] != nil && fields["malware"] != nil {
		return true
	}
	return hasHeader(head, isFeodoHeader)
}

func isFeodoHeader(names []string) bool {
	return contains(names, "dst_ip") && (contains(names, "dst_port") || contains(names, "first_seen_utc"))
}

func feodoItem(where string, raw []byte, sink Sink) error {
	var row feodoRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return sink.Skip(Skip{where, ReasonBrokenRow, err.Error()})
	}
	return row.deliver(where, sink)
}

// deliver hands the row over. The list says nothing but "control server".
func (row feodoRow) deliver(where string, sink Sink) error {
	if row.Address == "" {
		return sink.Skip(Skip{where, ReasonBrokenRow, "no address"})
	}
	return sink.Item(Item{
		Where: where, Type: addressType(string(row.Address)), Raw: string(row.Address),
		Ports:     parsePorts(string(row.Port)),
		FirstSeen: parseTime(string(row.FirstSeen)), LastSeen: parseTime(string(row.LastOnline)),
		Tags: []string{"c2"}, Families: addTags(nil, family(string(row.Malware))),
		Context: row.network(),
	})
}

// network says where the address is, as far as the row does.
func (row feodoRow) network() string {
	var parts []string
	for _, part := range []text{row.Hostname, row.ASName, row.Country} {
		if part != "" {
			parts = append(parts, string(part))
		}
	}
	return prose(strings.Join(parts, ", "))
}

// firstByte returns the first byte that is no white space, without taking it
// or what precedes it.
func firstByte(r interface{ Peek(int) ([]byte, error) }) (byte, error) {
	for n := 64; ; n *= 2 {
		head, err := r.Peek(n)
		if rest := bytes.TrimLeft(head, " \t\r\n"); len(rest) > 0 {
			return rest[0], nil
		}
		if err != nil {
			return 0, err
		}
	}
}
