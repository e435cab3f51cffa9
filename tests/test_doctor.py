"""python -m caffe_mnist.doctor."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from caffe_mnist import doctor
from tests.fixtures.swift import Swift


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_whole_installation(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Status 0; every line says what was found, every lack what to do."""
    assert doctor.main(["--folder", str(tmp_path), str(tmp_path), "--write"]) == 0
    lines = _lines(capsys)
    assert any(line.startswith("ok   lmdb: ") for line in lines)
    assert any("can be written" in line for line in lines)
    assert all("  -> " in line for line in lines if not line.startswith("ok"))
    assert not list(tmp_path.iterdir())


def test_what_is_needed_and_missing_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that nothing works without: status 1; an extra's: a remark."""
    real = metadata.version

    def version(name: str) -> str:
        if name in ("lmdb", "optuna"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert doctor.main([]) == 1
    lines = _lines(capsys)
    assert "FAIL lmdb: not installed  -> pip install lmdb" in lines
    assert any(line.startswith("-    optuna: ") and "[sweep]" in line for line in lines)


def test_a_caffe_that_does_not_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that is no Caffe, and one that is not there."""
    monkeypatch.setenv("CAFFE", "/bin/false")
    assert doctor.main([]) == 1
    assert "does not answer as Caffe" in capsys.readouterr().out
    monkeypatch.setenv("CAFFE", "/nowhere/caffe")
    assert doctor.main([]) == 1
    assert "/nowhere/caffe" in capsys.readouterr().out


def test_real_caffe_is_named(
    real_caffe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its version."""
    monkeypatch.setenv("CAFFE", str(real_caffe / "caffe"))
    doctor.main([])
    assert "caffe version 1.0" in capsys.readouterr().out


def test_stores(
    swift: Swift, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is there; one that is not; a wrong secret, which is never shown."""
    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    url = f"s3://{swift.bucket()}/x"
    assert doctor.main([url, "--write"]) == 0
    assert "0 objects, can be written" in capsys.readouterr().out
    assert doctor.main(["s3://nosuchbucket/x"]) == 1
    assert "FAIL s3://nosuchbucket/x: " in capsys.readouterr().out
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-value")
    assert doctor.main([url]) == 1
    assert "wrong-secret-value" not in capsys.readouterr().out


def test_a_folder_is_looked_at_and_not_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not there stays so; one with very many objects is not listed to its end."""
    assert doctor.main([str(tmp_path / "misspelt"), "--write"]) == 0
    assert f"-    {tmp_path / 'misspelt'}: no such folder  -> " in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(doctor, "MANY", 3)
    for number in range(5):
        (tmp_path / str(number)).write_text("")
    doctor.main([str(tmp_path)])
    assert f"ok   {tmp_path}: 3 objects or more" in capsys.readouterr().out


def test_bad_places(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there, a scheme that nobody knows."""
    assert doctor.main(["--folder", "/nowhere", "ftp://x/y"]) == 1
    out = capsys.readouterr().out
    assert "FAIL disk of /nowhere: No such file" in out
    assert "FAIL ftp://x/y: unknown scheme" in out
