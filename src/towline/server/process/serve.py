"""Run the server in this process, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from towline.errors import DefinitionError, ServerNotStarted, TowlineError
from towline.folders import disk_fault
from towline.runs.process import ProcessIdentity
from towline.server.process.lock import only_server
from towline.server.process.record import NAME, ServerRecord, read_record
from towline.server.settings import Settings

LOG_BYTES = 5_000_000
_LOGS_KEPT = 2
GRACE_SECONDS = 2
"""For requests under way when the server ends; a stream would otherwise hold it for ever."""


def serve(
    settings: Settings, *, log: Path | None = None, ready: Callable[[ServerRecord], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: how.
        log: where the log goes, a few megabytes at most; None: to stderr.
        ready: is called once, when requests are answered.

    Raises:
        ServerRunning: when another server works on the same data.
        DefinitionError: when it would be open to others without being fit for it.
        ServerNotStarted: when it cannot start.

    """
    from towline.server.process.exposure import check_exposure

    with only_server(settings.folder):
        killed = read_record(settings.folder)  # one that ends by itself leaves none
        (settings.folder / NAME).unlink(missing_ok=True)
        if not settings.loopback:
            asyncio.run(check_exposure(settings))
        listening = listen(settings, killed)
        settings = replace(settings, port=listening.getsockname()[1])
        _log_to(log)
        # uvicorn raises the signal again when it has ended: what is open here is still closed
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            _run(settings, listening, ready)
        finally:
            listening.close()
            with contextlib.suppress(OSError):
                (settings.folder / NAME).unlink()


def listen(settings: Settings, killed: ServerRecord | None = None) -> socket.socket:
    """Return the socket that the server answers on.

    Args:
        settings: where; with `any_port` another port will do when that one is taken.
        killed: the server before, if it could not end by itself: pages that are still open look
            for its port, which is tried first when any will do.

    Raises:
        DefinitionError: when the port, given on purpose, is taken, or the address is not ours.

    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    ports = [settings.port]
    if settings.any_port:
        before = urlsplit(killed.url).port if killed else None
        ports = [*([before] if before else []), settings.port, 0]
    for port in ports:
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((settings.host, port))
            found.listen(2048)
        except OSError as error:
            found.close()
            last = error
        else:
            return found
    raise DefinitionError(
        f"{settings.host}:{settings.port}",
        f"cannot be listened on: {last.strerror or last}",
        "choose another with --port; 0 takes any that is free",
    ) from last


def _run(
    settings: Settings, listening: socket.socket, ready: Callable[[ServerRecord], None]
) -> None:
    import uvicorn

    from towline.server.app import create_app
    from towline.server.process.short_heads import ShortHeads

    app = create_app(settings)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                record = _record(settings)
                record.write(settings.folder)
                ready(record)

    server = Server(
        uvicorn.Config(
            app,
            http=ShortHeads,
            log_config=None,
            access_log=False,  # ours leaves query strings out
            server_header=False,
            proxy_headers=settings.behind_proxy,
            forwarded_allow_ips="127.0.0.1,::1",
            ws_max_size=256 << 20,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
    )
    try:
        server.run(sockets=[listening])
    except SystemExit:
        cause = getattr(app.state, "start_error", None)
        if isinstance(cause, TowlineError):
            raise cause from None
        raise ServerNotStarted(
            "the server",
            f"it could not start: {disk_fault(cause) or cause or 'see its log'}",
            "towline status",
        ) from cause
    except KeyboardInterrupt:
        pass  # uvicorn has ended everything and raises the signal again


def _record(settings: Settings) -> ServerRecord:
    scheme = "https" if settings.tls_cert else "http"
    if settings.tls_cert:
        url = settings.address  # the name that the certificate has
    elif settings.host in ("127.0.0.1", "localhost", "0.0.0.0", "::"):  # noqa: S104
        url = f"{scheme}://localhost:{settings.port}"
    else:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{scheme}://{host}:{settings.port}"
    return ServerRecord(
        ProcessIdentity.own(), url, settings.address, time.time(), version("towline")
    )


def _log_to(file: Path | None) -> None:
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=LOG_BYTES, backupCount=_LOGS_KEPT
        )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("towline").setLevel(logging.INFO)
