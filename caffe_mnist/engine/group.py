"""Solvers in several processes as one team, over PyTorch's process groups.

Numbers of GPUs travel by NCCL, all else by gloo. What one solver is asked to do (stop, snapshot)
is agreed on in every iteration, so that all do it after the same one. A solver that waits for
others longer than the group's time limit, or whose connection breaks, raises LostError.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from caffe_mnist.engine.alike import check_alike
from caffe_mnist.engine.asked import Action
from caffe_mnist.engine.gradients import Averaging, Pending
from caffe_mnist.engine.member import LOST_OTHERS, LostError, attempt, has_host
from caffe_mnist.engine.team import Team
from caffe_mnist.errors import CaffeMnistError

if TYPE_CHECKING:
    from caffe_mnist.engine.solver import Solver

# Seconds between the root's signs of life while the others wait for it.
SIGN_EVERY = 1.0
TESTING, TESTED, STOPPED = 0, 1, 2


class Group(Team):
    """One of the solvers of `torch.distributed`'s process group, which is made here.

    `host` says that the job's root belongs on this machine: of those who say so the first in
    the group is rank 0, without any the first of all.
    """

    def __init__(
        self,
        asked: Callable[[], Action],
        device: torch.device,
        seconds: float = 300.0,
        host: bool = False,
    ) -> None:
        """Meet the others as the environment says; raises LostError where they do not come."""
        super().__init__(asked)
        cuda = device.type == "cuda"
        if cuda:
            torch.cuda.set_device(device)
        with _losses():
            limit = timedelta(seconds=seconds)
            store, place, self.size = next(iter(rendezvous("env://", timeout=limit)))
            # What an earlier attempt left there would lead to workers that are gone.
            store = PrefixStore(f"attempt {attempt()}", store)
            backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
            dist.init_process_group(
                backend, timeout=limit, store=store, rank=place, world_size=self.size
            )
            first = torch.tensor([place if host else self.size])
            dist.all_reduce(first, dist.ReduceOp.MIN)
        if int(first) == self.size and has_host():
            raise CaffeMnistError(
                "the first machine is not among those of the job: more came than it takes",
                hint="start as many as --nodes says",
            )
        self._root = int(first) % self.size  # nobody says so: 0
        self.rank = (place - self._root) % self.size
        self._averaging: Averaging | None = None
        self._wishes: torch.Tensor | None = None
        self._agreed: Pending | None = None
        self._noting = False
        self._is_due: Callable[[], bool] = bool
        self._testing = False
        self._sign = 0.0

    def action(self) -> Action:
        """What anybody was asked for when this iteration began; stopping goes first."""
        if self._testing:
            self._give_sign()
            return self._asked()
        if self._agreed is None or self._wishes is None:
            return self._asked()  # the root's last test: the others have ended
        with _losses():
            self._agreed.wait()
        self._agreed = None
        stop, snapshot, noting = self._wishes.tolist()
        self._noting = bool(stop or snapshot or noting)
        return Action.STOP if stop else Action.SNAPSHOT if snapshot else Action.NONE

    def agree(self, number: int) -> int:
        """The root's `number` (below 2⁶³); all call it at the same place."""
        told = torch.tensor([number])
        self._send_from_root(told)
        return int(told)

    def same(self, value: float) -> float:
        """The root's `value`; all call it at the same place."""
        told = torch.tensor([value], dtype=torch.float64)
        self._send_from_root(told)
        return float(told)

    def tell(self, content: bytes) -> bytes:
        """The root's `content`; all call it at the same place."""
        told = torch.zeros(self.agree(len(content)), dtype=torch.uint8)
        if self.is_root:
            told = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        self._send_from_root(told)
        return bytes(told.numpy())

    def gather(self, content: bytes) -> list[bytes]:
        """Everybody's `content` in the order of ranks; all call it at the same place."""
        size = torch.tensor([len(content)])
        sizes = [torch.zeros_like(size) for _ in range(self.size)]
        with _losses():
            dist.all_gather(sizes, size)
        padded = torch.zeros(max(map(int, sizes)) or 1, dtype=torch.uint8)
        padded[: len(content)] = torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)[
            : len(content)
        ]
        found = [torch.zeros_like(padded) for _ in range(self.size)]
        with _losses():
            dist.all_gather(found, padded)
        places = [(rank + self._root) % self.size for rank in range(self.size)]
        return [bytes(found[place][: int(sizes[place])].numpy()) for place in places]

    def is_noting(self) -> bool:
        """Whether the root snapshots or tests next, or all were asked to."""
        return self._noting

    def join(self, solver: Solver) -> None:
        """Average the gradients of `solver` with the others' in every iteration.

        Raises CaffeMnistError when another solver trains something else than the root's.
        """
        from caffe_mnist.engine.solver_run import Callback

        check_alike(solver, self)
        self._share_tests(solver)
        self._averaging = Averaging(solver.net, self._send)
        solver.net.watch = self._averaging
        self._is_due = solver.looks_next
        passes = max(solver.param.iter_size, 1)
        solver.callbacks.append(Callback(lambda: self._begin(passes), self._finish))

    def share(self, solver: Solver) -> None:
        """Bring everybody to the root's weights, statistics, histories and iteration."""
        solver.iteration = self.agree(solver.iteration)
        solver.take_rate_state(json.loads(self.tell(json.dumps(solver.rate_state()).encode())))
        blobs = [blob for layer in solver.net.layers for blob in layer.blobs if blob.owner is None]
        for values in [*(blob.data for blob in blobs), *solver.rule.history]:
            whole = values.contiguous()
            self._send_from_root(whole)
            if whole is not values:
                values.copy_(whole)

    def wait_for_root(self, stopped: bool) -> bool:
        """Until the root has tested, too; whether it was asked to stop meanwhile."""
        sign = torch.tensor([STOPPED if stopped else TESTED])
        self._testing = False
        self._send_from_root(sign)
        while int(sign) == TESTING:
            self._send_from_root(sign)
        return int(sign) == STOPPED

    @contextlib.contextmanager
    def testing(self) -> Iterator[None]:
        """While the root tests and the others wait."""
        self._testing, self._sign = True, time.monotonic()
        try:
            yield
        finally:
            self._testing = False

    def close(self) -> None:
        """Leave the group."""
        dist.destroy_process_group()

    def _begin(self, passes: int) -> None:
        wanted = self._asked()
        due = self.is_root and self._is_due()
        wishes = [wanted is Action.STOP, wanted is Action.SNAPSHOT, due]
        self._wishes = torch.tensor(wishes, dtype=torch.int32)
        with _losses():
            self._agreed = dist.all_reduce(self._wishes, dist.ReduceOp.MAX, async_op=True)
        if self._averaging is not None:
            self._averaging.begin(passes)

    def _finish(self) -> None:
        if self._averaging is not None:
            self._averaging.finish(self.size)

    def _send(self, values: torch.Tensor) -> Pending:
        with _losses():
            return _Watched(dist.all_reduce(values, async_op=True))

    def _send_from_root(self, values: torch.Tensor) -> None:
        """The root's values to everybody, in place."""
        with _losses():
            dist.broadcast(values, self._root)

    def _give_sign(self) -> None:
        """Tell those who wait that the root is at work; a long test is no loss."""
        if time.monotonic() - self._sign > SIGN_EVERY:
            self._sign = time.monotonic()
            self._send_from_root(torch.tensor([TESTING]))

    def _share_tests(self, solver: Solver) -> None:
        """When the root tests, which the others wait for, whatever their own solver says."""
        ours = [solver.param.test_interval, int(solver.param.test_initialization)]
        interval, at_first = json.loads(self.tell(json.dumps(ours).encode()))
        solver.param.test_interval, solver.param.test_initialization = interval, bool(at_first)


class _Watched:
    """An exchange whose failure is a LostError."""

    def __init__(self, pending: Any) -> None:
        self._pending = pending

    def wait(self) -> object:
        """Until it is done."""
        with _losses():
            return self._pending.wait()


@contextlib.contextmanager
def _losses() -> Iterator[None]:
    """What the library says of others that are gone, as LostError."""
    try:
        yield
    except (RuntimeError, TimeoutError) as error:  # dist.DistError is a RuntimeError
        raise LostError(LOST_OTHERS + in_short(error)) from None


def in_short(error: BaseException) -> str:
    """What the library says, without the places in its sources and what it advises."""
    first = next(iter(str(error).splitlines()), "") or type(error).__name__
    return re.sub(r"\S*\[/[^]]*\] ?", "", first).partition(". ")[0]
