"""The programs that try the product (`python -m bench`, `python -m chaos`), run as people run them."""

import subprocess
import sys

from tests.stack import ROOT


def ran(program: str, *arguments: str, within_s: float) -> subprocess.CompletedProcess[str]:
    """What a run ended with and printed."""
    return subprocess.run(
        [sys.executable, "-m", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
