"""The HTTP API of `serve`, made from one list of routes; and its client, which needs none of the server's packages."""
