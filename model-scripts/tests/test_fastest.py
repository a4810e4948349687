"""The choice of a recipe by speed."""

import dataclasses

import pytest

from foretell_models import fastest, tiny
from foretell_models.bundle import read_manifest

WIDE = dataclasses.replace(tiny.CONFIG, hidden=512)


@pytest.mark.parametrize(
    ("seconds", "chosen", "says"),
    [
        ({"w8a8": 1.0, "mixed": 2.0}, "w8a8", "w8a8 is 2.0 times as fast as mixed"),
        ({"w8a8": 3.0, "mixed": 2.0}, "mixed", "mixed is 1.5 times as fast as w8a8"),
    ],
)
def test_faster_recipe_is_chosen(seconds, chosen, says, monkeypatch, capsys):
    monkeypatch.setattr(fastest, "measure", lambda names, folder: seconds)
    assert fastest.recipe_for(WIDE, "cpu") == chosen
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "target"),
    [
        (WIDE, "webgpu"),
        (WIDE, "cuda"),
        (WIDE, "coreml"),
        (tiny.CONFIG, "cpu"),
        (dataclasses.replace(WIDE, architecture="starcoder2"), "cpu"),
    ],
)
def test_no_choice_needs_no_measurement(config, target, monkeypatch):
    monkeypatch.setattr(fastest, "measure", None)
    assert fastest.recipe_for(config, target) == "mixed"


def test_mlx_needs_no_measurement(monkeypatch):
    monkeypatch.setattr(fastest, "measure", None)
    assert fastest.recipe_for(WIDE, "mlx") == "int8"


def test_failed_measurement_does_not_stop_the_import(monkeypatch, capsys):
    def measure(names, folder):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(fastest, "measure", measure)
    assert fastest.recipe_for(WIDE, "cpu") == "mixed"
    assert "mixed is used: no kernel" in capsys.readouterr().err


def test_both_recipes_are_measured(tmp_path, monkeypatch):
    timed = []

    def time(session):
        timed.append(session)
        return float(len(timed))

    monkeypatch.setattr(fastest, "_time", time)
    assert fastest.measure(["w8a8", "mixed"], tmp_path) == {"w8a8": 1.0, "mixed": 2.0}
    assert timed[0] is not timed[1] and timed[2] is timed[0]
    recipes = {it: read_manifest(tmp_path / it).quantization for it in ("w8a8", "mixed")}
    assert recipes == {"w8a8": "w8a8", "mixed": "mixed"}
