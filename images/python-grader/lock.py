#!/usr/bin/env python3
"""Resolve requirements.txt into requirements.lock: every package, its version, and the hashes of its files.

    python3.13 -m venv /tmp/lock && /tmp/lock/bin/python lock.py

pip resolves once for this machine and looks the same versions up for the other architecture, so that the lock serves
linux/amd64 and linux/arm64. Source distributions (pygraphviz) are the same file on both.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
PLATFORMS = {
    machine: [f"manylinux_2_{glibc}_{machine}" for glibc in (17, 24, 26, 27, 28, 31, 34, 39)]
    + [f"manylinux2014_{machine}"]
    for machine in ("x86_64", "aarch64")
}


def resolve(arguments: list[str]) -> dict[str, tuple[str, str, str]]:
    """Return name → (version, sha256, file name) of what pip would install."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        subprocess.run(
            [*PIP, *arguments, "--report", report.name],
            check=True,
        )
        found = json.load(open(report.name, encoding="utf-8"))
    return {
        item["metadata"]["name"].lower().replace("_", "-"): (
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
            item["download_info"]["url"].rsplit("/", 1)[-1],
        )
        for item in found["install"]
    }


def main() -> None:
    """Write requirements.lock beside requirements.txt."""
    chosen = resolve(["--requirement", str(HERE / "requirements.txt")])
    wheels = [f"{name}=={version}" for name, (version, _, file) in chosen.items() if file.endswith(".whl")]
    hashes = {name: {digest} for name, (_, digest, _) in chosen.items()}
    for tags in PLATFORMS.values():
        options = ["--no-deps", "--only-binary=:all:", "--target", "/nonexistent"]
        options += [f"--platform={tag}" for tag in tags]
        for name, (_, digest, _) in resolve(options + wheels).items():
            hashes[name].add(digest)
    lines = ["# Made by lock.py from requirements.txt: run it again instead of editing this file.\n"]
    for name in sorted(chosen):
        pins = " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted(hashes[name]))
        lines.append(f"{name}=={chosen[name][0]} \\\n{pins}\n")
    (HERE / "requirements.lock").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
