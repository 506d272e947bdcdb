#!/usr/bin/env python3
"""The licences of all crates that a build has in it, from what cargo knows: `licences.py TARGET FEATURES`, on standard output."""

import json
import os
import subprocess
import sys

target, features = sys.argv[1], sys.argv[2]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], check=True, capture_output=True, text=True).stdout


tree = cargo("tree", "--locked", "--target", target, "--features", features, "--edges", "normal", "--prefix", "none", "--format", "{p}")
linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", target, "--features", features))

packages = [package for package in metadata["packages"] if (package["name"], "v" + package["version"]) in linked and package["source"]]
packages.sort(key=lambda package: (package["name"], package["version"]))
print(f"websocket-classroom is under the MIT licence (LICENSE). In it are {len(packages)} crates, each under its own licence.\n")
for package in packages:
    print(f"{package['name']} {package['version']}: {package['license'] or package['license_file']}  {package['repository'] or ''}")
for package in packages:
    folder = os.path.dirname(package["manifest_path"])
    texts = [name for name in sorted(os.listdir(folder)) if name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"))]
    for name in texts:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as text:
                print(f"\n\n==== {package['name']} {package['version']}: {name}\n\n{text.read().strip()}")
