package clients

import (
	"fmt"
	"regexp"
	"strings"
)

// masks are what differs from run to run, in the order in which it is looked
// for. A name that ends in "-" gets a number, so that the same stays the same.
var masks = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`WARNING: The magnum client is deprecated .*\nUse the OpenStack client .*\n`), ""},
	{regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----`), "CERTIFICATE"},
	{regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE REQUEST-----.*?-----END CERTIFICATE REQUEST-----`), "REQUEST"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{100,}={0,2}`), "BASE64"},
	{regexp.MustCompile(`req-[0-9a-f-]{36}`), "req-0"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "uuid-"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "id-"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)`), "TIME"},
	{regexp.MustCompile(`(?m)^\| id +\| \d+`), "| id | ROW"},
	{regexp.MustCompile(`\| [^ |]+ +\| magnum-conductor`), "| HOST | magnum-conductor"},
	{regexp.MustCompile(`\b10\.\d+\.\d+\.\d+\b`), "address-"},
}

// disguise gives names to what differs from run to run.
type disguise struct {
	fixed *strings.Replacer
	given map[string]string
	count map[string]int
}

func (d *disguise) on(text string) string {
	text = d.fixed.Replace(text)
	for _, m := range masks {
		text = m.pattern.ReplaceAllStringFunc(text, func(real string) string { return d.name(m.name, real) })
	}
	return strings.Trim(tidy(text), "\n")
}

func (d *disguise) name(name, real string) string {
	if !strings.HasSuffix(name, "-") {
		return name
	}
	if d.given[real] == "" {
		d.count[name]++
		d.given[real] = fmt.Sprint(name, d.count[name])
	}
	return d.given[real]
}

// tidy sets the tables of a text anew, for names are as wide as they are, and
// takes away the blanks at the ends of lines.
func tidy(text string) string {
	var out, table []string
	flush := func() { out, table = append(out, setTable(table)...), nil }
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "+-") {
			table = append(table, line)
			continue
		}
		flush()
		out = append(out, strings.TrimRight(line, " "))
	}
	flush()
	return strings.Join(out, "\n")
}

func setTable(lines []string) []string {
	var widths []int
	rows := make([][]string, len(lines)) // of a rule: nil
	for i, line := range lines {
		if line[0] == '+' {
			continue
		}
		rows[i] = strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | ")
		for j := range rows[i] {
			rows[i][j] = strings.TrimSpace(rows[i][j])
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], len(rows[i][j]))
		}
	}
	for i, row := range rows {
		lines[i] = setRow(row, widths)
	}
	return lines
}

func setRow(row []string, widths []int) string {
	var out strings.Builder
	for j, width := range widths {
		if row == nil {
			out.WriteString("+" + strings.Repeat("-", width+2))
		} else {
			fmt.Fprintf(&out, "| %-*s ", width, row[j])
		}
	}
	return out.String() + map[bool]string{true: "+", false: "|"}[row == nil]
}
