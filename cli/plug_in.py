"""`python -m cli.plug_in`: lets this environment's `flask` program know the commands that it has to know early.

Flask has a `routes` command of its own and finds it before the application's. Only what is installed under the
entry point `flask.commands` comes first. So this writes what an installation of the project in place would
write: the project's directory on the import path, and the entry point. Running it again changes nothing.
"""

import sys
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENTRY_POINTS = "[flask.commands]\nroutes = cli.routes:routes\n"


def plug_in(site_packages: Path) -> Path:
    """Write the three small files; the directory that holds the entry point."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    distribution = project["name"].replace("-", "_")
    for older in site_packages.glob(f"{distribution}-*.dist-info"):
        if older.name != f"{distribution}-{project['version']}.dist-info":
            for file in older.iterdir():
                file.unlink()
            older.rmdir()
    directory = site_packages / f"{distribution}-{project['version']}.dist-info"
    directory.mkdir(exist_ok=True)
    pth = f"{distribution}.pth"
    contents = {
        site_packages / pth: f"{ROOT}\n",
        directory
        / "METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n",
        directory / "entry_points.txt": ENTRY_POINTS,
        # With these two, `pip uninstall` knows what to remove.
        directory / "INSTALLER": "cli.plug_in\n",
        directory / "RECORD": "".join(
            f"{name},,\n"
            for name in (
                pth,
                *(
                    f"{directory.name}/{part}"
                    for part in ("METADATA", "entry_points.txt", "INSTALLER", "RECORD")
                ),
            )
        ),
    }
    for path, content in contents.items():
        if not path.exists() or path.read_text() != content:
            path.write_text(content)
    return directory


if __name__ == "__main__":
    if sys.prefix == sys.base_prefix:
        sys.exit(
            "Run this with the Python of the project's virtual environment: .venv/bin/python -m cli.plug_in"
        )
    plug_in(Path(sysconfig.get_path("purelib")))
