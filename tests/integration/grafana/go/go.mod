module spanledger.example/macros

go 1.23

require github.com/grafana/macropro v1.0.0
