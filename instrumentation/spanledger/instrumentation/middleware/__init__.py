"""Requests are attributed to whom a trusted peer says they are for: by headers, and by W3C baggage.

inbound.py   what a request says, and whether it is believed
asgi.py      Starlette, FastAPI, Quart, any ASGI application
wsgi.py      any WSGI application
flask.py     the same as a Flask extension
django.py    the same as a Django middleware, sync and async
"""
