"""The loader against a web server and a hub on this machine: what arrives, and what is refused with nothing left."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from raw2fig.errors import InputError
from raw2fig.fetch import files, given
from raw2fig.fetch.files import Origin, download, fetch_file
from raw2fig.fetch.models import fetch_model
from raw2fig.rl.vllm_server import free_port
from raw2fig.step import atomic

BODY = bytes(range(256)) * 399
"""Three times a third of it is as long: only its order tells that a piece came twice."""
DIGEST = hashlib.sha256(BODY).hexdigest()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = {"config.json": b"{}", "model.safetensors": BODY, "tokenizer.json": b"{}", "own.py": b"1/0"}
MODEL |= {"pytorch_model.bin": b"pickle", "onnx/config.json": b"{}"}


class Handler(BaseHTTPRequestHandler):
    """A file at several addresses, each with a way of its own to answer, and a small hub."""

    requests: list[tuple[str, str | None]]

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _, _ = self.path.partition("?")
        asked = self.headers.get("Range")
        self.requests.append((path, asked))
        if path.startswith("/api/"):
            return self.answer(json.dumps(self.repository(path)).encode(), kind="application/json")
        if "/resolve/" in path:
            name = path.partition(f"/resolve/{COMMIT}/")[2]
            if name not in {**MODEL, "cells.h5ad": b""}:
                return self.answer(b"", status=404)
            return self.answer(MODEL.get(name, BODY))
        if path == "/redirected":
            self.send_response(302)
            self.send_header("Location", "/whole")
            return self.end_headers()
        if path == "/missing":
            return self.answer(b"", status=404)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and path != "/no-ranges" else 0
        # `/broken` and the like end early: a third of what was asked for at a time
        cut = path in ("/broken", "/no-ranges", "/changed")
        tag = f'"{len(self.requests)}"' if path == "/changed" else '"1"'
        if asked and self.headers.get("If-Range") not in (None, tag):
            start = 0
        part = BODY[start:]
        sent = part[: max(1, len(BODY) // 3)] if cut else part
        self.answer(sent, status=206 if start else 200, length=len(part), tag=tag)

    def repository(self, path: str) -> dict:
        """What the hub says of a model or a data set."""
        named = "cells.h5ad" if path.startswith("/api/datasets") else None
        names = [named] if named else list(MODEL) if "whole" in path else ["config.json", "pytorch_model.bin"]
        if "/tree/" in path:
            return [{"type": "file", "path": name, "size": 1, "oid": "0"} for name in names]  # type: ignore[return-value]
        siblings = [{"rfilename": name} for name in names]
        return {"id": "lab/model", "sha": COMMIT, "siblings": siblings, "private": False, "tags": [], "downloads": 0}

    def answer(
        self, body: bytes, status: int = 200, kind: str = "text/plain", length: int | None = None, tag: str = '"1"'
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("ETag", tag)
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
        self.close_connection = True


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    handler = type("Fresh", (Handler,), {"requests": []})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def address(server: ThreadingHTTPServer, path: str = "") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def refusal(what: object, *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        what(*arguments)  # type: ignore[operator]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", ["/whole", "/redirected", "/broken"])
def test_the_bytes_arrive(server: ThreadingHTTPServer, tmp_path: Path, path: str) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"of an earlier run")
    download(address(server, path), target)
    assert target.read_bytes() == BODY


def test_a_broken_connection_is_taken_up_where_it_broke(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    download(address(server, "/broken"), tmp_path / "file")
    third = len(BODY) // 3
    ranges = [asked for _, asked in server.RequestHandlerClass.requests]  # type: ignore[attr-defined]
    assert ranges == [None, *(f"bytes={third * number}-" for number in range(1, len(ranges)))]
    assert 3 <= len(ranges) <= 4


def test_a_file_that_changes_meanwhile_is_not_patched_together(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    text = refusal(download, address(server, "/changed"), tmp_path / "file")
    assert "ended after" in text


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/missing", "the server says 404"),
        ("/no-ranges", f"ended after {len(BODY) // 3} of {len(BODY)} bytes"),
        ("ftp", "not an address"),
    ],
)
def test_what_does_not_arrive_is_refused(server: ThreadingHTTPServer, tmp_path: Path, path: str, found: str) -> None:
    url = address(server, path) if path.startswith("/") else "ftp://127.0.0.1/file"
    text = refusal(download, url, tmp_path / "file")
    assert text.startswith(url)
    assert found in text


def test_without_a_network(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/file"
    assert f"{url}: cannot be reached" in refusal(download, url, tmp_path / "file")


def fetch(folder: Path, url: str, sha256: str | None = None) -> dict:
    """As the step does: into a place that is renamed when all is well."""
    output = folder / "cells.h5ad"
    with atomic([output]) as partial:
        return fetch_file(Origin("url", url=url), partial[output], folder / "pins" / "cells.json", sha256)


def test_the_checksum_asked_for(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    url = address(server, "/whole")
    record = fetch(tmp_path, url, DIGEST.upper())
    assert (record["sha256"], record["bytes"], record["url"]) == (DIGEST, len(BODY), url)
    assert (tmp_path / "cells.h5ad").read_bytes() == BODY


def test_another_checksum_is_refused_and_nothing_left(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    wrong = "0" * 64
    text = refusal(fetch, tmp_path, address(server, "/whole"), wrong)
    assert DIGEST in text
    assert wrong in text
    assert list(tmp_path.iterdir()) == []


def test_the_first_checksum_holds_for_later_downloads(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = address(server, "/whole")
    fetch(tmp_path, url)
    (tmp_path / "cells.h5ad").unlink()
    assert fetch(tmp_path, url)["sha256"] == DIGEST
    monkeypatch.setattr(sys.modules[__name__], "BODY", BODY[:-1] + b"!")
    (tmp_path / "cells.h5ad").unlink()
    text = refusal(fetch, tmp_path, url)
    assert DIGEST in text
    assert str(tmp_path / "pins" / "cells.json") in text
    assert [path.name for path in tmp_path.iterdir()] == ["pins"]
    # another origin is another file; so is a checksum that the configuration has meanwhile
    fetch(tmp_path, url + "?2")
    fetch(tmp_path, url, hashlib.sha256(BODY).hexdigest())


@pytest.mark.parametrize(
    ("origin", "missing"),
    [
        (Origin("url"), "url"),
        (Origin("hub", dataset="lab/cells"), "file"),
        (Origin("hub", file="cells.h5ad"), "dataset"),
        (Origin("package"), "dataset"),
    ],
)
def test_an_origin_has_what_it_needs(tmp_path: Path, origin: Origin, missing: str) -> None:
    assert f"without {missing}" in refusal(fetch_file, origin, tmp_path / "file", tmp_path / "pin")


def hub(server: ThreadingHTTPServer, folder: Path, *words: str, status: int = 0) -> str:
    """A step of the command line with the hub of this machine; its address is read when the hub's library is loaded."""
    where = {"HF_ENDPOINT": address(server), "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-m", "raw2fig", "fetch", *words]
    done = subprocess.run(command, env={**os.environ, **where}, cwd=folder, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stderr


def test_a_model_of_the_hub(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    hub(server, tmp_path, "model", "--source", "lab/whole", "--model", "model")
    folder = tmp_path / "model"
    record = json.loads((folder / "source.json").read_text())
    assert record == {"source": "lab/whole", "revision": None, "commit": COMMIT}
    kept = {"config.json", "model.safetensors", "tokenizer.json"}
    assert {path.name for path in folder.iterdir()} == {*kept, "source.json"}
    assert all((folder / name).read_bytes() == MODEL[name] for name in kept)
    text = hub(server, tmp_path, "model", "--source", "lab/old", "--model", "old", status=2)
    assert "lab/old: only pytorch_model.bin, a pickle" in text
    assert not (tmp_path / "old").exists()


def test_a_data_set_of_the_hub(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    words = ["file", "--source", "hub", "--dataset", "lab/cells", "--output", "cells.h5ad"]
    words += ["--record", "cells.json", "--pin", "pin.json", "--file"]
    hub(server, tmp_path, *words, "cells.h5ad")
    assert (tmp_path / "cells.h5ad").read_bytes() == BODY
    record = json.loads((tmp_path / "cells.json").read_text())
    assert (record["resolved"], record["sha256"]) == (COMMIT, DIGEST)
    text = hub(server, tmp_path, *words, "other.h5ad", status=2)
    assert "lab/cells: cannot be fetched" in text.splitlines()[-1]


def test_several_files_lie_where_they_are_fetched_to_or_where_the_user_has_them() -> None:
    files = ["https://example.org/a/rows.csv?raw=1", "https://example.org/b/rows.csv"]
    data = {"source": "url", "dataset": None, "revision": None, "files": files, "sha256": ["0" * 64, "1" * 64]}
    found = given.parts("posts", data)
    assert list(found) == ["posts-00-rows.csv", "posts-01-rows.csv"]
    assert [one["url"] for one in found.values()] == files
    assert [one["sha256"] for one in found.values()] == data["sha256"]
    assert given.places("posts", data, "here") == [f"here/{part}" for part in found]
    of_hub = {**data, "source": "hub", "dataset": "lab/rows", "revision": "v2", "files": ["x/rows.csv"], "sha256": None}
    assert given.parts("posts", of_hub) == {
        "posts-00-rows.csv": {
            **{"source": "hub", "dataset": "lab/rows", "revision": "v2"},
            **{"file": "x/rows.csv", "sha256": None},
        }
    }
    own = {**data, "source": "path", "files": ["mine.csv"], "sha256": None}
    assert (given.parts("posts", own), given.places("posts", own, "here")) == ({}, ["mine.csv"])
    assert given.places("posts", {**own, "source": "none", "files": []}, "here") == []


def test_a_local_model_without_its_code(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "own.py", "pytorch_model.bin"):
        (tmp_path / "lab").mkdir(exist_ok=True)
        (tmp_path / "lab" / name).write_bytes(MODEL[name])
    (tmp_path / "lab" / "chat_template.jinja").write_text("{{ messages }}")  # where transformers 5 saves it
    assert fetch_model(str(tmp_path / "lab"), tmp_path / "model")["source"] == "lab"
    kept = {"config.json", "model.safetensors", "chat_template.jinja"}
    assert {path.name for path in (tmp_path / "model").iterdir()} == kept
    (tmp_path / "lab" / "model.safetensors").unlink()
    assert "a pickle" in refusal(fetch_model, str(tmp_path / "lab"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def package(monkeypatch: pytest.MonkeyPatch, name: str, **functions: object) -> None:
    """A stand-in for a package that is not installed here."""
    module = ModuleType(name)
    module.__dict__.update(functions)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_package_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pertpy", "cellxgene_census"):
        monkeypatch.setitem(sys.modules, name, None)  # what an import of a missing package finds
        text = refusal(fetch_file, Origin("package", dataset=f"{name}/x"), tmp_path / "file", tmp_path / "pin")
        assert f"{name} is not installed" in text
        assert "pip install" in text
    text = refusal(fetch_file, Origin("package", dataset="os/system"), tmp_path / "file", tmp_path / "pin")
    assert "pertpy/LOADER" in text


def test_pertpy_leaves_nothing_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import anndata
    import numpy as np
    from scanpy import settings

    def cells() -> anndata.AnnData:
        (Path(settings.datasetdir) / "cache.h5ad").write_text("as pertpy does")
        return anndata.AnnData(np.eye(3, dtype=np.float32))

    package(monkeypatch, "pertpy")
    package(monkeypatch, "pertpy.data", cells=cells)
    sys.modules["pertpy"].data = sys.modules["pertpy.data"]  # type: ignore[attr-defined]
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 1.2")
    kept = settings.datasetdir
    output = tmp_path / "cells.h5ad"
    record = fetch_file(Origin("package", dataset="pertpy/cells"), output, tmp_path / "pin.json")
    assert record["resolved"] == "pertpy 1.2"
    assert settings.datasetdir == kept.resolve()
    assert anndata.read_h5ad(output).shape == (3, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"cells.h5ad", "pin.json"}
    text = refusal(fetch_file, Origin("package", dataset="pertpy/nonesuch"), output, tmp_path / "pin.json")
    assert "no such loader" in text


def test_the_census_is_asked_for_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download_source_h5ad(dataset_id: str, to_path: str, *, census_version: str) -> None:
        asked.append((dataset_id, census_version))
        if dataset_id == "broken":
            raise ConnectionError("no route\nto host")
        Path(to_path).write_bytes(BODY)

    package(monkeypatch, "cellxgene_census", download_source_h5ad=download_source_h5ad)
    for revision in (None, "2025-01-30"):
        origin = Origin("package", dataset="cellxgene_census/an-id", revision=revision)
        assert fetch_file(origin, tmp_path / "file", tmp_path / "pin")["sha256"] == DIGEST
    assert asked == [("an-id", "stable"), ("an-id", "2025-01-30")]
    broken = Origin("package", dataset="cellxgene_census/broken")
    text = refusal(fetch_file, broken, tmp_path / "file", tmp_path / "pin")
    assert "ConnectionError: no route" in text


def test_import_is_cheap() -> None:
    heavy = ("huggingface_hub", "numpy", "transformers")
    program = f"import sys, raw2fig.fetch.files, raw2fig.fetch.models; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    monkeypatch.setattr(files, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
        assert "cannot be reached" in refusal(download, url, tmp_path / "file")
