"""Requests a second and latencies of the service, beside a plain one, on loopback.

    python benchmarks/serve.py MODEL [--seconds 5] [--clients 1 8 64]

The plain service is what one writes first: the same model, Starlette, uvicorn and Pillow, one
forward pass for each request, one after the other. Clients are processes of their own with
keep-alive connections that send a PNG of 28 x 28 in a form; both services are asked in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROUNDS = 3
WARM = 0.5


def plain(folder: str, port: int) -> None:
    """The service that one writes first."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from caffe_mnist.service.answers import Model
    from caffe_mnist.service.package import read_package

    model = Model(read_package(Path(folder)))

    async def predict(request: Request) -> JSONResponse:
        form = await request.form()
        seen = model.see(await form["images"].read())
        return JSONResponse(model.answer(model.scores([seen.values])[0]))

    application = Starlette(routes=[Route("/", predict, methods=["POST"])])
    uvicorn.run(application, port=port, log_level="warning", access_log=False)


def picture() -> bytes:
    from PIL import Image

    from caffe_mnist.datasets import digits

    images, _ = digits.draw(0, 1, seed=5)
    file = io.BytesIO()
    Image.frombytes("L", (28, 28), images[0].tobytes()).save(file, "PNG")
    return file.getvalue()


def question(port: int) -> bytes:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="images"; filename="d.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + picture() + b"\r\n--b--\r\n"
    )
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: multipart/form-data; "
        f"boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def clients(port: int, number: int, seconds: float, results: multiprocessing.Queue) -> None:
    """So many connections, each asking as fast as it is answered; their latencies."""

    async def one(asked: bytes, start: float, end: float, found: list[float]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begun := time.perf_counter()) < end:
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n", 1)[0], head
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if begun > start:
                found.append(time.perf_counter() - begun)
        writer.close()

    async def story() -> list[float]:
        asked, found = question(port), []
        start = time.perf_counter() + WARM
        await asyncio.gather(*(one(asked, start, start + seconds, found) for _ in range(number)))
        return found

    results.put(asyncio.run(story()))


def measure(port: int, number: int, seconds: float) -> tuple[float, float, float]:
    """Requests a second, and the 50th and 99th percentile of the latencies in ms."""
    results: multiprocessing.Queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=clients, args=(port, number, seconds, results))
    process.start()
    found = sorted(results.get(timeout=seconds + 60))
    process.join()
    half, most = found[len(found) // 2], found[min(len(found) - 1, len(found) * 99 // 100)]
    return len(found) / seconds, 1e3 * half, 1e3 * most


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def wait(port: int) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # which says that the model is being loaded
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"nothing answers at port {port}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", help="a package or a final folder")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--plain", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        plain(options.model, options.plain)
        return
    ports = {"plain": free_port(), "this package": free_port()}
    serve = ["-m", "caffe_mnist.serve", options.model, f"--port={ports['this package']}"]
    commands = [[__file__, options.model, f"--plain={ports['plain']}"], serve]
    processes = [subprocess.Popen([sys.executable, *words]) for words in commands]
    try:
        for port in ports.values():
            wait(port)
        print(f"{os.cpu_count()} cores, {ROUNDS} rounds of {options.seconds:g} s, medians\n")
        print("| clients | service | requests/s | p50 ms | p99 ms | ratio |")
        print("| --- | --- | --- | --- | --- | --- |")
        for number in options.clients:
            found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ports}
            for _ in range(ROUNDS):
                for name, port in ports.items():
                    found[name].append(measure(port, number, options.seconds))
            medians = {
                name: [statistics.median(column) for column in zip(*rows)]
                for name, rows in found.items()
            }
            for name, (rate, half, most) in medians.items():
                ratio = rate / medians["plain"][0]
                print(f"| {number} | {name} | {rate:.0f} | {half:.1f} | {most:.1f} | {ratio:.2f} |")
    finally:
        for process in processes:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
