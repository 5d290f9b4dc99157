// Expands SQL with the macro engine that Grafana's ClickHouse data source is made of.
//
// `macros FROM_MS TO_MS` reads statements, one JSON text a line, and writes each as it would be sent, one JSON text a line. The
// macros are ours to state, in the data source's words; what counts as one, and where, is the engine's to say.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/grafana/macropro"
)

type asked = macropro.QueryContext[struct{}]

// How the data source has the engine read ClickHouse's strings and comments.
const style = macropro.LineComment | macropro.BlockComment | macropro.BackslashEscape | macropro.BacktickQuote | macropro.DollarQuote

func bare(told func(asked) string) macropro.MacroFunc[struct{}] {
	return func(context asked, _ []string) (string, error) { return told(context), nil }
}

var macros = macropro.MergeMacros(macropro.DefaultMacros[struct{}](), macropro.MacroMap[struct{}]{
	"fromTime":    bare(func(a asked) string { return fmt.Sprintf("toDateTime(%d)", a.TimeRange.From.Unix()) }),
	"toTime":      bare(func(a asked) string { return fmt.Sprintf("toDateTime(%d)", a.TimeRange.To.Unix()) }),
	"fromTime_ms": bare(func(a asked) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", a.TimeRange.From.UnixMilli()) }),
	"toTime_ms":   bare(func(a asked) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", a.TimeRange.To.UnixMilli()) }),
})

func main() {
	context := asked{TimeRange: macropro.TimeRange{From: at(os.Args[1]), To: at(os.Args[2])}}
	lines, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for decoder := json.NewDecoder(lines); decoder.More(); {
		var statement string
		if err := decoder.Decode(&statement); err != nil {
			panic(err)
		}
		expanded, err := macropro.Interpolate(statement, macros, context, macropro.WithComments(style))
		if err != nil {
			panic(err)
		}
		if err := out.Encode(expanded); err != nil {
			panic(err)
		}
	}
}

func at(ms string) time.Time {
	number, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		panic(err)
	}
	return time.UnixMilli(number)
}
