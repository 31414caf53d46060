#!/usr/bin/python3
"""Takes out of ICU's data what the program never asks for: four fifths of the largest library that Swift's Foundation needs.

    icu.py DATA OUT

DATA is the package "icudt…" as it lies in the library (the common data format of ICU's udata.h). Time zones, calendars, the
properties of characters, normalisation and English stay; other languages' names and formats (which then are the root's), tables
of old encodings, dictionaries of line breaks, transliterations and names of characters go. OUT has the rest in the same order.
"""

import pathlib
import re
import struct
import sys

GONE = re.compile(r"(translit|brkitr|coll|rbnf)/.*|.*\.(cnv|spp|dict)|unames\.icu|confusables\.cfu")
KEPT = re.compile(r"(brkitr|coll|rbnf)/(root|res_index|pool|ucadata)\.(res|icu)|brkitr/[a-z_]+\.brk")
LANGUAGE = re.compile(r"([a-z]+/)?(?!en(_US(_POSIX)?|_001)?\.res)[a-z]{2,3}(_[A-Za-z0-9_]+)?\.res")


def is_wanted(name):
    name = name.partition("/")[2]
    if KEPT.fullmatch(name):
        return True
    return not GONE.fullmatch(name) and not LANGUAGE.fullmatch(name)


def items_of(data):
    """The header, and each item's name and bytes."""
    size, first, second = struct.unpack_from("<HBB", data)
    if (first, second) != (0xDA, 0x27) or data[8] != 0 or data[12:16] != b"CmnD":
        sys.exit("icu.py: this is no package of ICU's data in the order of this machine")
    table = data[size:]
    count, = struct.unpack_from("<I", table)
    entries = [struct.unpack_from("<II", table, 4 + 8 * index) for index in range(count)]
    ends = [start for _, start in entries[1:]] + [len(table)]
    return data[:size], [(table[name:table.index(b"\0", name)].decode(), table[start:end])
                         for (name, start), end in zip(entries, ends)]


def package(header, items):
    names, places = b"", []
    begin = 4 + 8 * len(items)
    for name, _ in items:
        places.append(begin + len(names))
        names += name.encode() + b"\0"
    body, starts, place = b"", [], begin + len(names)
    padding = -(len(header) + place) % 16
    place += padding
    for _, content in items:
        content += bytes(-len(content) % 16)
        starts.append(place)
        body += content
        place += len(content)
    table = struct.pack("<I", len(items)) + b"".join(struct.pack("<II", *entry) for entry in zip(places, starts))
    return header + table + names + bytes(padding) + body


def main():
    header, items = items_of(pathlib.Path(sys.argv[1]).read_bytes())
    kept = [(name, content) for name, content in items if is_wanted(name)]
    pathlib.Path(sys.argv[2]).write_bytes(package(header, kept))


if __name__ == "__main__":
    main()
