// Asks a ClickHouse HTTP interface with the driver that Grafana's datasource is made of.
//
// `clickhouse ADDRESS KEY COMPRESSION` reads statements, one JSON text a line, and writes what each was answered with, one
// JSON object a line: names, types and rows, or the number of the error.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

var methods = map[string]clickhouse.CompressionMethod{
	"none":    clickhouse.CompressionNone,
	"gzip":    clickhouse.CompressionGZIP,
	"deflate": clickhouse.CompressionDeflate,
	"lz4":     clickhouse.CompressionLZ4,
	"zstd":    clickhouse.CompressionZSTD,
}

type answer struct {
	Names []string   `json:"names"`
	Types []string   `json:"types"`
	Rows  [][]string `json:"rows"`
	Code  int32      `json:"code"`
	Error string     `json:"error"`
}

func main() {
	connection, err := clickhouse.Open(&clickhouse.Options{
		Addr:        []string{os.Args[1]},
		Auth:        clickhouse.Auth{Database: "spanledger", Username: "grafana", Password: os.Args[2]},
		Protocol:    clickhouse.HTTP,
		Compression: &clickhouse.Compression{Method: methods[os.Args[3]], Level: 3},
		Settings:    clickhouse.Settings{"max_execution_time": 600},
	})
	if err != nil {
		panic(err)
	}
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var statement string
		if err := json.Unmarshal(lines.Bytes(), &statement); err != nil {
			panic(err)
		}
		if err := out.Encode(asked(connection, statement)); err != nil {
			panic(err)
		}
	}
}

func asked(connection driver.Conn, statement string) answer {
	told := answer{Names: []string{}, Types: []string{}, Rows: [][]string{}}
	rows, err := connection.Query(context.Background(), statement)
	if err != nil {
		var exception *clickhouse.Exception
		if errors.As(err, &exception) {
			told.Code = exception.Code
		}
		told.Error = err.Error()
		return told
	}
	defer rows.Close()
	for _, column := range rows.ColumnTypes() {
		told.Names = append(told.Names, column.Name())
		told.Types = append(told.Types, column.DatabaseTypeName())
	}
	for rows.Next() {
		values := make([]any, 0, len(told.Names))
		for _, column := range rows.ColumnTypes() {
			values = append(values, reflect.New(column.ScanType()).Interface())
		}
		if err := rows.Scan(values...); err != nil {
			told.Error = err.Error()
			return told
		}
		row := make([]string, 0, len(values))
		for _, value := range values {
			row = append(row, shown(reflect.ValueOf(value).Elem()))
		}
		told.Rows = append(told.Rows, row)
	}
	if err := rows.Err(); err != nil {
		told.Error = err.Error()
	}
	return told
}

func shown(value reflect.Value) string {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return "NULL"
		}
		value = value.Elem()
	}
	return fmt.Sprint(value.Interface())
}
