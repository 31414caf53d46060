"""`ag-ui-validate`: others' reading of the protocol, over what was recorded or over an endpoint."""

import pathlib
import subprocess
import sys

PROGRAM = pathlib.Path(sys.executable).with_name("ag-ui-validate")


def validate(*arguments, input=None):
    return subprocess.run([PROGRAM, "--off", "AGUI105", "--json", "--max-warnings", "0", *arguments], input=input,
                          capture_output=True, timeout=60)
