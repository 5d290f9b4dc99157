"""ClickHouse's HTTP interface over the embedded store, to read: for Grafana, DBeaver, Metabase, drivers and `curl`."""
