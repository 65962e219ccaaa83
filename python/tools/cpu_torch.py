"""Puts a torch that computes on the CPU into an environment: `cpu_torch.py ENV LOCK`.

The package index carries no build of torch for the CPU alone. The usual one is linked against 2.3 GB of
NVIDIA's libraries that a machine without a GPU never calls. So torch, torchaudio and three small ones of
those are installed as LOCK pins them, and for each of the others a stand-in is made (needs gcc and readelf):
a library of the same name whose functions all return an error. It serves tests; never ship such an
environment.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

# A stand-in of the runtime itself makes torch crash where it asks whether there is a GPU.
_REAL = ("torch", "torchaudio", "nvidia-cuda-runtime", "nvidia-cuda-cupti", "nvidia-cufile")
_FOREIGN = re.compile(r"lib(cu|nv|nccl)[A-Za-z_]*\.so[.\d]*")


def pins(lock: str, names: tuple[str, ...]) -> str:
    """The entries of a lock for these packages, hashes included."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    return "\n".join(entry for entry in entries if re.split(r"[=\s\[]", entry)[0] in names) + "\n"


def install(python: Path, lock: Path) -> None:
    """Install the real ones, and nothing that they would bring."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pins(lock.read_text(encoding="utf-8"), _REAL))
        file.flush()
        has_pip = (
            subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0
        )
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check"]
        command = pip if has_pip else ["uv", "pip", "install", "--python", python]
        subprocess.run([*command, "--quiet", "--no-deps", "--require-hashes", "-r", file.name], check=True)


def readelf(library: Path, *what: str) -> list[str]:
    """Lines of readelf about a library."""
    found = subprocess.run(["readelf", "-W", *what, library], check=True, capture_output=True, text=True)
    return found.stdout.splitlines()


def needed(library: Path) -> Iterator[str]:
    """Names of NVIDIA's libraries that it is linked against."""
    for line in readelf(library, "-d"):
        if (found := re.search(r"\(NEEDED\).*\[(.*)\]", line)) and _FOREIGN.fullmatch(found[1]):
            yield found[1]


def imports(library: Path) -> Iterator[tuple[str, str, str]]:
    """Library, version and name of each symbol that it takes from NVIDIA's libraries."""
    owner: dict[str, str] = {}
    file = ""
    for line in readelf(library, "-V"):
        if found := re.search(r"File: (\S+)", line):
            file = found[1]
        elif found := re.search(r"Name: (\S+)", line):
            owner[found[1]] = file
    for line in readelf(library, "--dyn-syms"):
        if found := re.search(r"\sUND (\w+)(?:@+(\S+))?", line):
            name, version = found[1], found[2] or ""
            library_name = owner.get(version) if version else by_prefix(name, library)
            if library_name and _FOREIGN.fullmatch(library_name):
                yield library_name, version, name


def by_prefix(symbol: str, library: Path) -> str | None:
    """Who defines a symbol without a version: its name begins as the library's does."""
    for name in needed(library):
        if symbol.lower().startswith(name.removeprefix("lib").split(".")[0].lower()):
            return name
    return None


def stand_in(folder: Path, soname: str, symbols: set[tuple[str, str]]) -> None:
    """A library that defines these symbols, under their versions."""
    with tempfile.TemporaryDirectory() as scratch:
        source, script = Path(scratch, "stub.c"), Path(scratch, "stub.map")
        names = sorted({name for _, name in symbols})
        # 35: cudaErrorInsufficientDriver, which every caller takes for "no GPU".
        source.write_text("".join(f"int {name}(void) {{ return 35; }}\n" for name in names))
        versions = sorted({version for version, _ in symbols if version})
        script.write_text(
            "".join(
                f"{version} {{ global: {'; '.join(sorted(n for v, n in symbols if v == version))}; }};\n"
                for version in versions
            )
        )
        command = ["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{soname}"]
        command += [f"-Wl,--version-script={script}"] if versions else []
        subprocess.run([*command, "-o", folder / soname, source], check=True)


def make_stand_ins(site: Path) -> list[str]:
    """One for each library that torch is linked against and that is not there."""
    folder = site / "torch/lib"
    libraries = [*folder.glob("*.so*"), *site.glob("torchaudio/lib/*.so")]
    there = {path.name for path in [*site.glob("nvidia/**/*.so*"), *folder.glob("*.so*")]}
    wanted: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for library in libraries:
        for soname in needed(library):
            wanted[soname] |= set()
        for soname, version, name in imports(library):
            wanted[soname].add((version, name))
    made = sorted(set(wanted) - there)
    for soname in made:
        stand_in(folder, soname, wanted[soname])
    return made


def main() -> None:
    """Install, make, and see that it computes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("environment", type=Path)
    parser.add_argument("lock", type=Path)
    arguments = parser.parse_args()
    python = arguments.environment / "bin/python"
    install(python, arguments.lock)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
    made = make_stand_ins(Path(site))
    check = (
        "import torch; assert not torch.cuda.is_available(); print(torch.__version__, torch.ones(2).sum())"
    )
    told = subprocess.run([python, "-c", check], check=True, capture_output=True, text=True).stdout.strip()
    sys.stdout.write(f"torch {told}; stand-ins: {', '.join(made)}\n")


if __name__ == "__main__":
    main()
