"""Adds up JUnit reports: `count_report.py REPORT… [-- FOLDER…]` prints "PASSED FAILED".

A report that is missing, unreadable or empty counts as one failure, a skipped test as failed, and so does a folder
(a test target) that no test belongs to: what did not run has not passed.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree


def main(arguments):
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    passed = failed = 0
    targets = set()
    for report in arguments[:cut]:
        try:
            cases = list(ElementTree.parse(report).iter("testcase"))
        except (OSError, ElementTree.ParseError) as reason:
            cases = []
            print(f"{report}: {reason}", file=sys.stderr)
        if not cases:
            print(f"{report}: no test ran", file=sys.stderr)
            failed += 1
        for case in cases:
            targets.add(case.get("classname", "").split(".")[0])
            bad = [outcome for outcome in ("failure", "error", "skipped") if case.find(outcome) is not None]
            if bad:
                failed += 1
                print(f"{bad[0]}: {case.get('classname')} {case.get('name')}", file=sys.stderr)
            else:
                passed += 1
    for folder in arguments[cut + 1:]:
        if os.path.basename(folder.rstrip("/")) not in targets:
            failed += 1
            print(f"{folder}: none of its tests ran", file=sys.stderr)
    print(passed, failed)


main(sys.argv[1:])
