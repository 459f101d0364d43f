package column

import (
	"strconv"
	"strings"
)

// Ports returns the column: numbers joined by commas, empty when there are
// none.
func Ports(ports []uint16) string {
	if len(ports) == 0 {
		return ""
	}
	var b strings.Builder
	for i, p := range ports {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(p)))
	}
	return b.String()
}

// ParsePorts reads the column, nil when it is empty. What is no port is left
// out.
func ParsePorts(s string) []uint16 {
	if s == "" {
		return nil
	}
	ports := make([]uint16, 0, strings.Count(s, ",")+1)
	for part := range strings.SplitSeq(s, ",") {
		if p, err := strconv.ParseUint(part, 10, 16); err == nil {
			ports = append(ports, uint16(p))
		}
	}
	return ports
}
