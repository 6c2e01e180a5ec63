"""Every bound of the engines, as one value."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineLimits:
    """Bounds of one worker process. Sizes are in bytes, times in seconds.

    header_bytes, header_fields: the header section; past either the answer is 431. target_bytes: 414.
    header_timeout_seconds: from the first byte of a request (or the begin of the connection) to the end of its header.
    idle_timeout_seconds: a kept connection without a request.
    body_idle_seconds: a body of which nothing arrives while it is waited for: 408.
    body_rate_bytes: the least number of bytes a second, averaged over each body_window_seconds of waiting: else 408.
    body_budget_bytes: request bodies being collected, all together; past it connections are not read from.
    small_body_bytes: a declared body of at most this is collected before the front end is asked.
    drain_bytes: an unread body of at most this is read and dropped to keep the connection; a longer one closes it.
    linger_seconds: how long a closing connection is still read, so that the client sees the answer.
    write_stall_seconds: a client that takes nothing of an answer for so long is cut off.
    slice_bytes: what is handed to a connection at once; what the kernel does not take of it stays in its block.
    held_blocks_bytes: blocks kept while a client takes their slices, all together; past it a block is asked for again
    for each slice.
    threads: calls of the front end at once. queued_calls: calls that wait for a thread; past it the answer is 503.
    connections: open at once. backlog: of the listening socket.
    stop_seconds: how long running requests may take after a stop is asked for.
    sweep_seconds: how often the timeouts are looked at; they are exact to about this.
    """

    header_bytes: int = 32 * KIB
    header_fields: int = 100
    target_bytes: int = 8000
    header_timeout_seconds: float = 15.0
    idle_timeout_seconds: float = 60.0
    body_idle_seconds: float = 30.0
    body_rate_bytes: int = 256
    body_window_seconds: float = 30.0
    body_budget_bytes: int = 64 * MIB
    small_body_bytes: int = 64 * KIB
    drain_bytes: int = 256 * KIB
    linger_seconds: float = 5.0
    write_stall_seconds: float = 60.0
    slice_bytes: int = MIB
    held_blocks_bytes: int = 32 * MIB
    threads: int = 16
    queued_calls: int = 1024
    connections: int = 4096
    backlog: int = 1024
    stop_seconds: float = 15.0
    sweep_seconds: float = 1.0
    switch_interval_seconds: float = 0.0005
