"""The wheel in a clean environment with an empty home."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import environment
import pytest
import python_wheel

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/foretell"
MODEL = "qwen2.5-coder-0.5b"


def test_links_of_the_description_are_absolute() -> None:
    readme = "[a](docs/a.md) ![b](b.svg) [c](https://c.org) [d](#d)"
    text = python_wheel.metadata_of("1.2", readme, "https://example.org/it")
    it = "https://example.org/it"
    page, image = f"[a]({it}/blob/v1.2/docs/a.md)", f"![b]({it}/raw/v1.2/b.svg)"
    assert text.endswith(f"\n\n{page} {image} [c](https://c.org) [d](#d)")
    assert "\nProject-URL: Source, https://example.org/it\n" in text


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not PROGRAM.exists():
        pytest.skip("target/release/foretell is missing: run `make build`")
    return environment.make_wheel(tmp_path_factory.mktemp("wheel") / "wheels", PROGRAM)


class Machine:
    """An empty home, and an environment with only the packages that are fetched anyway."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.environment = folder / "environment"
        environment.make_environment(self.environment)

    def run(self, program: str, *arguments: str) -> str:
        command = [str(self.environment / "bin" / program), *arguments]
        variables = {"HOME": str(self.home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def files(self) -> set[str]:
        folder = self.environment
        return {str(it.relative_to(folder)) for it in folder.rglob("*foretell*")}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    yield Machine(tmp_path)
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.skipif(sys.platform != "linux", reason="the paths are those of Linux")
def test_installed_wheel_completes_a_line(wheel: Path, machine: Machine) -> None:
    # Without an index: the versions in the lock file satisfy the wheel's requirements.
    install = ("-m", "pip", "install", "--no-index", "--disable-pip-version-check", str(wheel))
    assert "Successfully installed foretell-0.1.0" in machine.run("python", *install)
    installed = machine.files()
    assert {
        "bin/foretell",
        "share/man/man1/foretell.1",
        "share/bash-completion/completions/foretell",
        "share/fish/vendor_completions.d/foretell.fish",
    } <= installed
    assert (machine.environment / "share/foretell/editors/neovim/lua/foretell/init.lua").exists()

    data = machine.home / ".local/share/foretell"
    data.mkdir(parents=True)
    real = _data_folder()
    for name in ("models", "made-here"):
        (data / name).symlink_to(real / name)
    (machine.home / "files").mkdir()
    output = machine.run("foretell", "setup", MODEL, "--from", str(machine.home / "files"))
    assert f"{MODEL} is up to date" in output
    assert "creating" not in output and not (data / "model-scripts/venv").exists()
    assert not (data / "lib").exists(), "the library of the environment is used"

    demo = str(ROOT / "docs/demo/word_counts.rs") + ":8"
    assert "    for word in text." in machine.run("foretell", "complete", demo)
    doctor = machine.run("foretell", "doctor", "--json")
    assert str(machine.environment.resolve() / "lib") in doctor

    uninstall = ("-m", "pip", "uninstall", "--yes", "--disable-pip-version-check", "foretell")
    machine.run("python", *uninstall)
    assert machine.files() == set()
    left = {str(it.relative_to(machine.home)) for it in machine.home.glob(".*/*/*")}
    assert left == {".local/share/foretell"}, "the data folder, which the guide names"


def test_wheel_runs_on_the_systems_that_its_tag_names(wheel: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("auditwheel reads programs of Linux only")
    audit = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    shown = subprocess.run(audit, check=True, capture_output=True, text=True).stdout
    tag = wheel.stem.rpartition("-")[2]
    assert f'constrains the platform tag to "{tag}"' in " ".join(shown.split()), shown


def _data_folder() -> Path:
    command = [sys.executable, "-m", "foretell_models", "path"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(printed.strip())
