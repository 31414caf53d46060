"""The rooms of the program: which module may know which, as the documentation's page on the architecture has it."""

import json
import re
import subprocess

import pytest

from kit import PAGES, TOP

[ORDER] = re.findall(r"^Imports go one way.*?^```$(.*?)^```$", (PAGES / "Architecture.md").read_text(), re.M | re.S)
LEVELS = {room: level for level, line in enumerate(ORDER.strip().splitlines()) for room in line.split(", ")}
IMPORT = re.compile(r"^(?:@\S+ )*(?:\w+ )?import (?:(?:struct|class|enum|func|protocol) )?(\w+)", re.M)


def modules():
    """The folders of Sources, but for those that only map a C library."""
    return {path.name: path for path in (TOP / "Sources").iterdir() if any(path.rglob("*.swift"))}


def imports(path):
    for file in path.rglob("*.swift"):
        for name in IMPORT.findall(file.read_text()):
            yield file, name


def dependencies(package):
    """Of each target the targets that Package.swift says it depends on."""
    text = subprocess.run(["swift", "package", "dump-package"], cwd=package, capture_output=True, text=True, timeout=120)
    assert text.returncode == 0, text.stderr
    return {target["name"]: {dependency["byName"][0] for dependency in target["dependencies"] if "byName" in dependency}
            for target in json.loads(text.stdout)["targets"]}


@pytest.fixture(scope="module")
def declared():
    return dependencies(TOP)


def test_every_room_has_its_place():
    assert sorted(LEVELS) == sorted(modules())


def test_no_import_leads_back():
    back = [f"{file.relative_to(TOP)} imports {name}" for room, path in modules().items() for file, name in imports(path)
            if name in LEVELS and LEVELS[name] >= LEVELS[room]]
    assert back == []


def test_what_is_imported_is_declared(declared):
    """The compiler also finds modules that a target has through another one."""
    missing = {f"{room} imports {name}" for room, path in modules().items() for _, name in imports(path)
               if name in declared and name not in declared[room] and name != room}
    assert missing == set()


def test_what_is_declared_is_imported(declared):
    idle = {f"{room} does not import {name}" for room, path in modules().items()
            for name in declared[room] - {name for _, name in imports(path)}}
    assert idle == set()


def test_the_fuzzers_are_built_from_the_same_rooms(declared):
    """Their package names them again, each with what it needs."""
    fuzz = TOP / "Tests/Fuzz"
    rooms = {name: needs for name, needs in dependencies(fuzz).items() if name not in ("Fuzz", "FuzzTargets")}
    assert rooms == {name: declared[name] for name in rooms}
    assert {path.name for path in (fuzz / "Sources").iterdir()} == {*rooms, "Fuzz", "FuzzTargets"}


def test_one_room_speaks_to_nats():
    assert {room for room, path in modules().items() for _, name in imports(path) if name == "CNats"} == {"Cluster"}
