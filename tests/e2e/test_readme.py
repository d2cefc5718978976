"""What the README shows is what happens."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.daemon import PROJECT, Daemon

README = (PROJECT / "README.md").read_text()


def script() -> str:
    """The README's one Python block."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def with_value(text: str, name: str, value: str) -> str:
    """The script with another value in one of its constants."""
    changed, count = re.subn(rf'^{name} = ".*?"', f"{name} = {json.dumps(value)}", text, flags=re.MULTILINE)
    assert count == 1
    return changed


def test_ten_lines_with_only_socket_and_json_get_a_grep_answered(daemon: Daemon, tmp_path: Path) -> None:
    """The README's script, with only its two paths changed, prints a real match."""
    tree = tmp_path / "project"
    tree.mkdir()
    (tree / "notes.txt").write_text("nothing here\nTODO: one thing\n")
    text = with_value(with_value(script(), "SOCKET", str(daemon.socket)), "ROOT", str(tree))
    printed = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True, timeout=60, check=True).stdout
    assert printed == "notes.txt 2 TODO: one thing\n"


def test_the_script_has_ten_lines_and_imports_only_socket_and_json() -> None:
    """It stays as short and as plain as the README says."""
    lines = [line for line in script().splitlines() if line.strip()]
    assert len(lines) <= 10
    assert [line for line in lines if "import" in line] == ["import json, socket"]


def test_the_place_to_hover_is_a_name() -> None:
    """The README's file, line and column point at an identifier, as the tree is today."""
    for file, line, column in re.findall(r"sidecar hover ([\w/.]+):(\d+):(\d+)", README):
        text = (PROJECT / file).read_text().splitlines()[int(line) - 1]
        assert text[int(column) - 1].isalpha() and text.startswith(("class", "def"))


def test_every_make_target_in_the_readme_exists() -> None:
    """Commands that the README tells people to type are targets of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)) <= targets


def test_every_document_that_the_readme_links_exists() -> None:
    """No link of the README leads nowhere."""
    linked = [PROJECT / name for name in re.findall(r"\]\(([\w/.-]+)\)", README)]
    assert linked and all(path.exists() for path in linked)
