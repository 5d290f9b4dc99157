"""Requests to a provider's public host, delivered to the fake one: for what happens only at the host itself."""

import httpx2


class Delivering(httpx2.HTTPTransport):
    """Delivers every request to a port of this machine; the request itself keeps its URL."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Deliver one."""
        return super().handle_request(_redirected(request, self._port))


class AsyncDelivering(httpx2.AsyncHTTPTransport):
    """As `Delivering`, for the asynchronous client."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Deliver one."""
        return await super().handle_async_request(_redirected(request, self._port))


def _redirected(request: httpx2.Request, port: int) -> httpx2.Request:
    url = request.url.copy_with(scheme="http", host="127.0.0.1", port=port)
    return httpx2.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
    )
