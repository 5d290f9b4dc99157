"""Metering at the wire: the request that left and the answer that came back, whichever library sent it.

The core (`endpoints`, `request`, `apis`, `streams`, `attempt`) knows no HTTP library, and none of it reads content. One
module a library hooks its client's send and hands bytes to the core; sync and async differ in nothing but the hook.
"""
