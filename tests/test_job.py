"""`python -m caffe_mnist.job` runs scripts of the platform as its container would."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError, JobError
from caffe_mnist.files import aside_of
from caffe_mnist.job import caffe_program, code, container, namespace, real, view
from caffe_mnist.job.programs import python_line
from tests.fixtures.jobs import until
from tests.fixtures.swift import Swift

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "tests" / "fixtures" / "platform"
NETS = ROOT / "prototxt" / "lenet"


def command(*words: str | Path) -> list[str]:
    """The command with the engine, its root in `box` of the present folder."""
    start = [sys.executable, "-m", "caffe_mnist.job", "--caffe", "embedded", "--root", "box"]
    return [*start, *map(str, words)]


def run(folder: Path, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a job in `folder`; skips where this machine can lay out no container."""
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "paths cannot be laid out" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    return done


def script(folder: Path, text: str, name: str = "train.py") -> Path:
    """A script in a code folder `nets`."""
    path = folder / "nets" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def nets(folder: Path, place: str) -> None:
    """LeNet's files for a short training on the GPU, with the paths of one of the samples."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in NETS.glob("*.prototxt"):
        text = path.read_text().replace("batch_size: 64", "batch_size: 8")
        for key, value in (
            ("max_iter", "30"), ("snapshot", "10"), ("test_iter", "1"), ("solver_mode", "GPU"),
        ):  # fmt: skip
            text = re.sub(rf"^{key}: \w+", f"{key}: {value}", text, flags=re.MULTILINE)
        if place == "/cache":
            text = text.replace("/home/work/user-job-dir/codes", "/cache")
            text = text.replace("/home/work", "/cache")
        text = text.replace("user-job-dir/codes", "user-job-dir/nets")
        (folder / path.name).write_text(text)


def check_copies(listed: list[str]) -> None:
    """All snapshots are in the final folder, whole ones in the numbered ones."""
    names = {f"mnist_lenet_iter_{n}.{end}" for n in (10, 20, 30)
             for end in ("caffemodel", "solverstate")}  # fmt: skip
    assert {name for name in listed if name.startswith("final/")} == {
        f"final/{name}" for name in names
    }
    assert {re.sub(r"^\d+/", "", name) for name in listed if name[0].isdigit()} <= names


def test_a_job_that_copies_while_it_trains(tmp_path: Path, small_mnist: Path) -> None:
    """The first sample's way, in a folder that stands for the store, with `--num_gpus` and all."""
    nets(tmp_path / "nets", "/home/work")
    shutil.copy(SCRIPTS / "copying_job.py", tmp_path / "nets" / "train.py")
    shutil.copytree(small_mnist, tmp_path / "store" / "bucket" / "mnist")
    urls = ["--data_url=s3://bucket/mnist/", "--train_url=s3://bucket/out/"]
    done = run(tmp_path, "--store", "store", "nets/train.py", *urls, "--num_gpus=1")
    assert done.returncode == 0, done.stderr
    assert "net with 4 layers" in done.stdout
    assert "there is no GPU here" in done.stderr or Path("/dev/nvidia0").exists()
    out = tmp_path / "store" / "bucket" / "out"
    # The script ends its copying process in the middle: what that was writing aside is no file yet.
    files = [path for path in out.rglob("*") if path.is_file() and not aside_of(path.name)]
    check_copies([str(path.relative_to(out)) for path in files])
    assert (tmp_path / "box" / "home" / "work" / "dataset" / "mnist_test_lmdb").is_dir()


def test_the_same_job_with_a_real_store(tmp_path: Path, small_mnist: Path, swift: Swift) -> None:
    """Without --store, s3:// and obs:// URLs are those of the stores themselves."""
    nets(tmp_path / "nets", "/home/work")
    shutil.copy(SCRIPTS / "copying_job.py", tmp_path / "nets" / "train.py")
    bucket = swift.bucket()
    objects = swift.objects(bucket)
    import obstore

    for path in small_mnist.glob("*-ubyte"):
        obstore.put(objects, f"mnist/{path.name}", path)
    access = {**swift.env(), "OBS_ENDPOINT": swift.endpoint}
    urls = [f"--data_url=obs://{bucket}/mnist/", f"--train_url=s3://{bucket}/out"]
    done = run(tmp_path, "nets/train.py", *urls, **access)
    assert done.returncode == 0, done.stderr
    found = [entry["path"] for page in obstore.list(objects, "out") for entry in page
             if entry["size"]]  # fmt: skip
    check_copies([name.partition("/")[2] for name in found])


def test_a_job_of_python_2_that_packs(tmp_path: Path, small_mnist: Path) -> None:
    """The second sample's way: /cache, the boot file beside the code folder, `sort(cmp=…)`."""
    nets(tmp_path / "nets" / "src", "/cache")
    (tmp_path / "nets" / "src" / "config.json").write_text("{}")
    shutil.copy(SCRIPTS / "packing_job.py", tmp_path / "train.py")
    shutil.copytree(small_mnist, tmp_path / "mnist")
    words = ["--data_url", "mnist", "--train_url=out/", "--data_path_suffix=nets", "--task_index=0"]
    done = run(tmp_path, "train.py", *words)
    assert done.returncode == 0, done.stderr
    model = tmp_path / "out" / "model"
    names = ["config.json", "lenet.caffemodel", "lenet_deploy.prototxt"]
    assert sorted(path.name for path in model.iterdir()) == names
    trained = tmp_path / "box" / "cache" / "lenet_mnist" / "mnist_lenet_iter_30.caffemodel"
    assert (model / "lenet.caffemodel").read_bytes() == trained.read_bytes()
    assert "sort(cmp=…)" in done.stderr
    assert "cmp=by_number" in (tmp_path / "train.py").read_text()


SURROUNDINGS = """
import json, os, subprocess, sys
words = ["python", "-c", "import moxing, sys; print(sys.prefix)"]
assert subprocess.check_output(words, text=True).strip() == sys.prefix
names = [name for name in os.environ if name.startswith(("DLS_", "MA_", "VC_", "BATCH_"))]
print(json.dumps([sys.argv, os.getcwd(), {name: os.environ[name] for name in names}]))
print(os.listdir("/home/work"), os.path.isdir("/cache"), os.path.samefile(os.getcwd(),
      os.environ["MA_JOB_DIR"]), os.path.isfile(os.environ["WORKSPACE"] + "/train.py"))
sys.exit(int(sys.argv[-1]))
"""


def test_what_a_script_finds(tmp_path: Path) -> None:
    """Arguments, working folder, environment and folders; its exit status is the command's."""
    path = script(tmp_path, SURROUNDINGS)
    done = run(tmp_path, path, "--data_url=s3://b/d/", "--num_gpus=2", "--name", "", "7")
    assert done.returncode == 7, done.stderr
    first, second = done.stdout.splitlines()
    words, here, found = json.loads(first)
    assert words[0] == "/home/work/user-job-dir/nets/train.py"
    assert words[1:] == ["--data_url=s3://b/d/", "--num_gpus=2", "--name", "", "7"]
    assert here.endswith("/home/work/user-job-dir")
    assert found["DLS_DATA_URL"] == "s3://b/d/"
    assert (found["DLS_LOCAL_CACHE_PATH"], found["MA_NUM_GPUS"]) == ("/cache", "2")
    assert second.endswith("True True True")
    assert not re.search("dataset|lenet_mnist", second)


def test_a_second_job_starts_afresh(tmp_path: Path) -> None:
    """What a job left in its root is moved aside, or gone on with if --keep is given."""
    path = script(tmp_path, "open('/cache/x', 'a').write('1')\nprint(open('/cache/x').read())\n")
    assert [run(tmp_path, path).stdout.strip() for _ in range(2)] == ["1", "1"]
    assert run(tmp_path, "--keep", path).stdout.strip() == "11"
    assert (tmp_path / "box" / "earlier-1" / "cache" / "x").read_text() == "1"
    assert not any(os.path.realpath(place).startswith(str(tmp_path)) for place in container.PLACES)


def test_signals_reach_the_script_and_all_of_its_processes(tmp_path: Path) -> None:
    """SIGTERM ends a script that waits for a program; the status says so, nothing is left."""
    text = f"import os\nopen({str(tmp_path / 'up')!r}, 'w')\nos.system('exec sleep 1234567')\n"
    path = script(tmp_path, text)
    process = subprocess.Popen(
        command(path),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    until(lambda: (tmp_path / "up").exists() or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1].decode()
    if "paths cannot be laid out" in said:
        pytest.skip(said)
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM" in said
    left = [place for place in Path("/proc").glob("[0-9]*/cmdline") if _reads(place)]
    assert left == []


def _reads(place: Path) -> bool:
    try:
        return place.read_bytes().split(b"\0")[:2] == [b"sleep", b"1234567"]
    except OSError:
        return False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no.py"], "there is no such script"),
        (["--store", "nowhere", "nets/train.py"], "--store nowhere"),
        ([], "which script"),
        (["nets/train.py", "--data_path_suffix=../x"], "no name of a folder"),
        (["--lay-out", "nets/train.py"], "--lay-out"),
    ],
)
def test_wrong_calls_are_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    """Bad input is exit status 2 and one line, before anything is laid out."""
    script(tmp_path, "1/0")
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert not (tmp_path / "box").exists()


def test_what_is_not_python_3_is_said_in_one_line(tmp_path: Path) -> None:
    """What cannot be rewritten is named with its line and what to do."""
    done = run(tmp_path, script(tmp_path, "x = 1\nif x\n    pass\n"))
    assert done.returncode == 2
    assert "train.py:2" in done.stderr
    assert "2to3" in done.stderr.splitlines()[-1]


def test_print_statements_are_rewritten_in_the_copy(tmp_path: Path) -> None:
    """A script of Python 2 runs, and stays as it was."""
    path = script(tmp_path, 'for i in xrange(2): print "number", i\n')
    done = run(tmp_path, path)
    assert done.stdout.splitlines() == ["number 0", "number 1"], done.stderr
    assert path.read_text().startswith("for i in xrange")


def test_modules_below_the_script_are_rewritten_too(tmp_path: Path) -> None:
    """In packages of the code folder, and in the folder beside which the script lies."""
    folder = tmp_path / "job" / "codes" / "parts"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "words.py").write_text("def say(x):\n    print 'said', x\n")
    (tmp_path / "job" / "train.py").write_text(
        "import sys\nsys.path.append('codes')\nfrom parts.words import say\nsay(sys.argv[1][:2])\n"
    )
    done = run(tmp_path, tmp_path / "job" / "train.py", "--data_path_suffix=codes")
    assert done.stdout == "said --\n", done.stderr
    assert "words.py is Python 2" in done.stderr


def test_a_private_view_shows_folders_at_other_paths(tmp_path: Path) -> None:
    """Folders at paths that are not there, for one program; the machine's own stay as they are."""
    (tmp_path / "view").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a").write_text("1")
    targets = json.dumps(
        {"/home/not-there": str(tmp_path / "work"), "/nowhere-here/x": str(tmp_path)}
    )
    done = subprocess.run(
        [sys.executable, "-c", python_line("caffe_mnist.job.namespace"), str(tmp_path / "view"),
         targets, "/home/not-there", "sh", "-c",
         f"pwd; cat a; echo 2 > b; cat {tmp_path}/work/b /nowhere-here/x/work/a; ls /proc/self"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode == namespace.REFUSED:
        pytest.skip(done.stderr)
    assert done.stdout.startswith("/home/not-there\n12\n1"), done.stderr
    assert (tmp_path / "work" / "b").read_text() == "2\n"
    assert not Path("/home/not-there").exists()


def test_no_gpu_here(tmp_path: Path) -> None:
    """Without a GPU -gpu goes and a copy of the solver says CPU; the file itself stays."""
    nets(tmp_path, "/cache")
    solver = tmp_path / "lenet_solver.prototxt"
    words = caffe_program.for_cpu(["train", f"--solver={solver}", "-gpu", "0,1", "-weights", "w"])
    assert (words[0], words[1], words[3:]) == ("train", "-solver", ["-weights", "w"])
    assert "solver_mode: CPU" in Path(words[2]).read_text()
    assert "solver_mode: GPU" in solver.read_text()
    assert caffe_program.for_cpu(["train", "-solver", "no"]) == ["train", "-solver", "no"]


def test_the_code_folder_and_its_name(tmp_path: Path) -> None:
    """The script's folder by its own name, by --data_path_suffix, or the folder beside."""
    (tmp_path / "a" / "codes").mkdir(parents=True)
    path = tmp_path / "a" / "train.py"
    path.write_text("")
    assert code.find_code(str(path), [], None).name == "a"
    named = code.find_code(str(path), ["--data_path_suffix", "other/"], None)
    assert (named.name, named.script, named.beside) == ("other", "other/train.py", None)
    beside = code.find_code(str(path), ["--data_path_suffix=codes"], None)
    assert (beside.folder.name, beside.script) == ("codes", "train.py")
    assert code.find_code(str(path), ["--data_path_suffix="], None).name == "a"
    with (tmp_path / "a" / "large").open("wb") as file:
        file.truncate(code.LARGEST + 1)
    with pytest.raises(CaffeMnistError, match="MiB"):
        code.find_code(str(path), [], None)


def test_a_real_caffe_gives_its_programs(tmp_path: Path) -> None:
    """Programs beside a real caffe are taken; a wrapper of ours is not taken for one."""
    for name in ("caffe", "convert_mnist_data"):
        (tmp_path / name).write_text("#!/bin/sh\necho real $0 $@\n")
        (tmp_path / name).chmod(0o755)
    found = real.find_caffe(str(tmp_path / "caffe"))
    assert set(found.programs) == {"caffe", "convert_mnist_data"}
    calls = ("convert_mnist_data.bin a", "caffe.bin train -solver s")
    lines = [f"os.system('/home/work/caffe/bin/{call}')\n" for call in calls]
    path = script(tmp_path, "import os\n" + "".join(lines))
    done = run(tmp_path, "--caffe", tmp_path / "caffe", path)
    assert re.findall(r"^real \S+/(.*)", done.stdout, re.MULTILINE) == [
        "convert_mnist_data a", "caffe train -solver s",
    ], done.stderr  # fmt: skip
    ours = tmp_path / "box" / "home" / "work" / "caffe" / "bin" / "caffe.bin"
    assert real.find_caffe(str(ours)).programs == {}


def test_an_image_can_be_laid_out(tmp_path: Path) -> None:
    """`--lay-out` makes folders, programs and modules, and leaves alone what others made."""
    for _ in range(2):
        assert run(tmp_path, "--lay-out").returncode == 0
        work = tmp_path / "box" / "home" / "work"
        assert os.access(work / "caffe" / "bin" / "caffe.bin", os.X_OK)
        assert (work / "run_train.sh").exists()
        (work / "caffe" / "bin" / "caffe").write_text("somebody else's")
    assert (work / "caffe" / "bin" / "caffe").read_text() == "somebody else's"


def test_links_only_where_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no private view can be had, links stand in for a while; what is there stays."""
    monkeypatch.setattr(view, "_refusal", lambda words: "no view")
    places = (f"{tmp_path}/there/work", f"{tmp_path}/cache")
    monkeypatch.setattr(view, "PLACES", places)
    (tmp_path / "there").mkdir()
    with container.container(str(tmp_path / "box"), keep=False) as made:
        with view.seen(made) as words:
            assert words == []
            targets = [os.readlink(place) for place in places]
            assert targets == [str(made.inside(place)) for place in places]
            with pytest.raises(JobError, match="taken"), view.seen(made):
                raise AssertionError("a place was taken over")
        assert not any(map(os.path.lexists, places))
        (tmp_path / "cache").mkdir()
        with pytest.raises(JobError, match="taken"), view.seen(made):
            raise AssertionError("a real folder was taken over")
        assert os.listdir(tmp_path / "there") == []


def test_links_of_a_job_that_was_killed_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link into a root that no job uses any more is one of ours; other links are not."""
    monkeypatch.setattr(view, "_refusal", lambda words: "no view")
    place = tmp_path / "work"
    monkeypatch.setattr(view, "PLACES", (str(place),))
    with container.container(str(tmp_path / "old"), keep=False) as old:
        place.symlink_to(old.inside(str(place)))
    with container.container(str(tmp_path / "box"), keep=False) as made:
        with view.seen(made):
            assert os.readlink(place) == str(made.inside(str(place)))
        place.symlink_to(f"/gone{place}")
        with pytest.raises(JobError), view.seen(made):
            raise AssertionError("somebody's link was taken over")


def test_one_job_at_a_time_in_a_root(tmp_path: Path) -> None:
    """A second job in the same root is refused while the first runs."""
    with container.container(str(tmp_path), keep=False):
        for keep in (True, False):
            second = container.container(str(tmp_path), keep=keep)
            with pytest.raises(CaffeMnistError, match="running"):
                second.__enter__()
