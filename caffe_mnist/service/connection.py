"""Connections that must ask: who sends no whole request in time is let go.

uvicorn waits for ever for the head of a request, so that slow or silent clients could hold
every connection that the system gives.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


def connection(seconds: float, **arguments: Any) -> asyncio.Protocol:
    """uvicorn's protocol for one connection, closed after so long without a request's head."""
    protocol: Any = AutoHTTPProtocol(**arguments)
    made = protocol.connection_made

    def connection_made(transport: asyncio.Transport) -> None:
        made(transport)
        _again(protocol, transport, seconds)

    protocol.connection_made = connection_made
    found: asyncio.Protocol = protocol
    return found


def _again(protocol: Any, transport: asyncio.Transport, seconds: float) -> None:
    answered = _answered(protocol)
    asyncio.get_running_loop().call_later(seconds, _look, protocol, transport, seconds, answered)


def _look(protocol: Any, transport: asyncio.Transport, seconds: float, answered: Any) -> None:
    """Close what asks nothing, and asked nothing at the last look either."""
    if transport.is_closing():
        return
    if _answered(protocol) is answered:
        transport.close()
    else:
        _again(protocol, transport, seconds)


def _answered(protocol: Any) -> Any:
    """The request that was answered last (None: none yet), or a new object while one runs."""
    cycle = protocol.cycle
    return cycle if cycle is None or cycle.response_complete else object()
