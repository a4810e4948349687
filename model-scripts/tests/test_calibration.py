"""The import copies a measured calibration into the bundle of the same checkpoint and recipe."""

import json
from types import SimpleNamespace

import pytest

from foretell_models import calibration
from foretell_models.errors import UsageError

MEASURED = {
    "format": 1,
    "model": "m",
    "quantization": "mixed",
    "source_sha256": "00ff",
    "curve": [[0.5, 0.2], [1.0, 0.9]],
    "places": {"line_start": [[1.0, 0.7]]},
}


def manifest(quantization="mixed", sha256="00ff"):
    return SimpleNamespace(quantization=quantization, source=SimpleNamespace(sha256=sha256))


@pytest.fixture
def measured(tmp_path):
    path = tmp_path / "calibrations.json"
    path.write_text(json.dumps([{**MEASURED, "quantization": "int8"}, MEASURED]))
    return path


def test_calibration_of_same_model_is_copied(tmp_path, measured):
    assert calibration.add(tmp_path, manifest(), measured)
    assert json.loads((tmp_path / calibration.FILE).read_text()) == MEASURED


@pytest.mark.parametrize("other", [manifest("fp32"), manifest(sha256="beef")])
def test_other_models_get_none(tmp_path, measured, other):
    assert not calibration.add(tmp_path, other, measured)
    assert not (tmp_path / calibration.FILE).exists()


def test_users_calibration_is_kept(tmp_path, measured):
    (tmp_path / calibration.FILE).write_text("mine")
    assert not calibration.add(tmp_path, manifest(), measured)
    assert (tmp_path / calibration.FILE).read_text() == "mine"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("curve", []),
        ("curve", [[0.5, 0.2], [0.4, 0.3]]),
        ("curve", [[0.5, 1.2]]),
        ("places", {"line_start": [[0.0, 0.5]]}),
        ("model", None),
    ],
)
def test_malformed_calibration_is_reported(tmp_path, field, value):
    path = tmp_path / "calibrations.json"
    path.write_text(json.dumps([{**MEASURED, field: value}]))
    with pytest.raises(UsageError, match="cannot be read"):
        calibration.load(path)


def test_own_calibrations_are_valid():
    calibration.load()
