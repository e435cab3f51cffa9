"""The live view of a run in a browser: python -m caffe_mnist.dashboard RUN."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, JobError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.dashboard"
# After the run a page that is still open is served; this long after its last question it ends.
LINGER = 60.0
EPILOG = """\
RUN is the model folder of a run of `train`, running or ended. `train --dashboard` starts this by
itself, with the buttons that snapshot, pause and stop the training.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page on loopback until Ctrl-C; exit status 0, 1 for a taken port, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A page on loopback that shows a run while it goes on.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    add = parser.add_argument
    add("run", metavar="RUN", type=Path, help="the model folder of a run")
    add("--port", type=int, default=0, metavar="N", help="default: any free one")
    add("--trainer", type=int, default=0, metavar="PID", help="the process that trains")
    add("--launcher", type=int, default=0, metavar="PID", help="end some time after this process")
    add("--max-iter", type=int, default=0, metavar="N", help="default: what the log says")
    add("--store", default="", metavar="URL", help="where its snapshots go")
    return exit_status(lambda: run(parser.parse_args(argv)), PROGRAM)


def run(options: argparse.Namespace) -> int:
    """Listen, say where, serve."""
    try:
        import uvicorn

        from caffe_mnist.dashboard.application import Dashboard
    except ImportError as error:
        raise CaffeMnistError(
            f"the live view needs {error.name}", hint="pip install 'caffe-mnist[service]'"
        ) from None
    from caffe_mnist.dashboard.state import RunState

    if not options.run.is_dir():
        raise CaffeMnistError("there is no such folder", where=options.run)
    if not options.trainer and not (options.run / "train.log").is_file():
        raise CaffeMnistError("holds no train.log", where=options.run, hint="is it a run's folder?")
    state = RunState(options.run, options.trainer, options.max_iter, store=options.store)
    token = secrets.token_urlsafe(16)
    dashboard = Dashboard(state, token)
    with _listen(options.port) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        print(
            f"live view: {url}{'#' + token if options.trainer else ''}", file=sys.stderr, flush=True
        )
        config = uvicorn.Config(
            dashboard.application,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: setattr(server, "should_exit", True))
        if options.launcher:
            watcher = threading.Thread(
                target=_end_after, args=(options.launcher, dashboard, server), daemon=True
            )
            watcher.start()
        server.run(sockets=[listener])
    return 0


def _end_after(launcher: int, dashboard: Any, server: Any) -> None:
    """End the server when the launcher is gone and nobody looks any more."""
    while os.getppid() == launcher:
        time.sleep(0.5)
    begun = time.monotonic()
    while time.monotonic() - max(begun, dashboard.asked) < LINGER:
        time.sleep(0.5)
    server.should_exit = True


def _listen(port: int) -> socket.socket:
    # With the protocol said: asyncio lets small answers go at once (TCP_NODELAY) only then.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        return listener
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise JobError(f"cannot listen: {reason}", where=f"127.0.0.1:{port}") from None


if __name__ == "__main__":
    sys.exit(main())
