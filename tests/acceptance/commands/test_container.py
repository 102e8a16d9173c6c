"""The steps of the Dockerfile, run one by one in bare folders, since no Docker engine is at hand."""

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import serving

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction, such as RUN, and what follows it on its line and those joined to it."""

    name: str
    text: str


def stages() -> list[list[Step]]:
    """The instructions of each stage."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[Step]] = []
    for line in filter(None, text.splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append(Step(name, rest.strip()))
    return found


def only(steps: list[Step], name: str) -> str:
    """The text of the one instruction of that name."""
    (step,) = [step for step in steps if step.name == name]
    return step.text


def context(folder: Path) -> Path:
    """What `COPY . .` would find: the files of the repository that .dockerignore lets through."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    ignored = tuple((ROOT / ".dockerignore").read_text().split())
    for name in listed.stdout.splitlines():
        left_out = any(name == part or name.startswith(f"{part}/") for part in ignored)
        if (ROOT / name).exists() and not left_out:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    # The packages of the dashboard are those of the lock file here, too, and take a minute to come.
    packages = Path("dashboard", "node_modules")
    if (ROOT / packages).is_dir():
        (folder / packages).symlink_to(ROOT / packages)
    return folder


def test_the_image_is_slim_not_root_and_watched() -> None:
    build, final = stages()
    assert all(only(stage, "FROM").partition(" ")[0].endswith("-slim") for stage in (build, final))
    assert only(final, "USER") == "ccgraph"
    assert "/healthz" in only(final, "HEALTHCHECK")
    assert json.loads(only(final, "ENTRYPOINT")) == ["ccgraph"]
    assert not (ROOT / ".env").exists() or ".env" in (ROOT / ".dockerignore").read_text().split()


@pytest.mark.timeout(600)
def test_what_the_build_installs_starts_and_is_healthy(tmp_path: Path) -> None:
    build, final = stages()
    source, installed, data = context(tmp_path / "src"), tmp_path / "opt", tmp_path / "data"
    data.mkdir(mode=0o700)

    def here(text: str) -> str:
        return text.replace("/opt/ccgraph", str(installed)).replace("/data", str(data))

    # pip asks an index over HTTPS, which the authority of the tests has not signed.
    outside = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    subprocess.run(["bash", "-ec", here(only(build, "RUN"))], cwd=source, env=outside, check=True)
    shutil.rmtree(source)  # the second stage copies the installation and nothing else

    environment = dict(pair.split("=", 1) for pair in here(only(final, "ENV")).split())
    environment["PATH"] = environment["PATH"].replace("$PATH", os.environ["PATH"])
    command = [*json.loads(only(final, "ENTRYPOINT")), *json.loads(only(final, "CMD"))]
    program = shutil.which(command[0], path=environment["PATH"])
    assert program is not None
    assert Path(program).is_relative_to(installed)
    del environment["CCGRAPH_PORT"]  # a free one, where the image has its own
    with serving(command[1:], data, program=program, **environment) as server:
        port = server.url.rpartition(":")[2]
        check = only(final, "HEALTHCHECK").partition("CMD ")[2]
        healthy = subprocess.run(
            ["sh", "-c", check], env={**os.environ, **environment, "CCGRAPH_PORT": port}, check=False
        )
        assert healthy.returncode == 0
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert server.stop() == 0
    assert (data / "postgres" / "PG_VERSION").exists()
    (files,) = installed.glob("lib/python*/site-packages/app/dashboard/files")
    assert (files / "index.html").is_file()
    assert list(files.glob("assets/*.js.br"))
