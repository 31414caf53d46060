"""Writes a bill of materials (CycloneDX 1.5): the Swift packages with their versions, and the libraries inside.

bill.py Package.resolved FOLDER VERSION COMMIT
"""

import hashlib
import json
import pathlib
import subprocess
import sys

resolved, folder, version, commit = sys.argv[1:]


def package(pin):
    state = pin["state"]
    part = {"type": "library", "name": pin["identity"], "version": state.get("version", state["revision"]),
            "externalReferences": [{"type": "vcs", "url": pin["location"]}]}
    if "version" in state:
        place = pin["location"].removeprefix("https://").removesuffix(".git")
        part["purl"] = f"pkg:swift/{place}@{state['version']}"
    return part


def debian(name):
    """The Debian package and its version that a library's file is from; none where it is the Swift toolchain's."""
    for place in ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/lib64"):
        found = subprocess.run(["dpkg-query", "-S", f"{place}/{name}"], capture_output=True, text=True)
        if found.returncode == 0:
            owner = found.stdout.split(":")[0]
            shown = subprocess.run(["dpkg-query", "-W", "-f", "${source:Package} ${Version}\n", owner],
                                   capture_output=True, text=True, check=True).stdout.split()
            return owner, shown[1]
    return None


def library(file):
    part = {"type": "library", "name": file.name}
    if (found := debian(file.name)) is not None:
        part |= {"name": found[0], "version": found[1], "purl": f"pkg:deb/debian/{found[0]}@{found[1]}?arch=amd64"}
    content = file.read_bytes()
    return part | {"hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
                   "properties": [{"name": "file", "value": str(file.relative_to(folder))}]}


parts = [package(pin) for pin in sorted(json.loads(pathlib.Path(resolved).read_text())["pins"], key=lambda pin: pin["identity"])]
parts += [library(file) for file in sorted(pathlib.Path(folder).rglob("*.so*")) if not file.is_symlink()]
print(json.dumps({
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "metadata": {"component": {"type": "application", "name": "parley", "version": version,
                               "properties": [{"name": "commit", "value": commit}]}},
    "components": parts}, indent=1))
