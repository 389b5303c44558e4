"""Records: nothing missing, nothing unknown, nothing half written; the scorecard joins them with the talk's claims."""

import json
from pathlib import Path

import pytest

from genimg import records
from genimg._base.errors import UsageError

ROOT = Path(__file__).parents[1]


def example(**changes):
    fields = {
        "claim": "c", "chapter": "04_wgan", "source": "s", "dataset": "d", "method": "m", "metric": "psnr",
        "unit": "dB", "better": "higher", "reported": None, "values": [1.0, 3.0], "seeds": [0, 1], "config": {"a": 1},
        "profile": "quick", "device": "CPU", "seconds": 0.5, "weights": None, "deviations": [],
    }  # fmt: skip
    return records.Record(**{**fields, **changes})


def test_save_and_load_round_trip(tmp_path):
    record = example()
    assert records.load(record.save(tmp_path / "deep" / "r.json")) == record
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "r.json"]  # nothing left beside it


def test_mean_and_spread():
    assert example().mean == 2 and example().spread == pytest.approx(2**0.5)
    assert example(values=[5.0], seeds=[0]).spread == 0


@pytest.mark.parametrize("field", ["claim", "reported", "values", "weights", "deviations", "commit", "versions"])
def test_a_missing_field_is_an_error_that_names_it(tmp_path, field):
    content = json.loads(example().save(tmp_path / "r.json").read_text())
    del content[field]
    (tmp_path / "r.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=f"lacks '{field}'"):
        records.load(tmp_path / "r.json")


def test_an_unknown_field_a_broken_file_and_a_missing_file_are_errors(tmp_path):
    content = json.loads(example().save(tmp_path / "r.json").read_text())
    (tmp_path / "r.json").write_text(json.dumps({**content, "extra": 1}))
    with pytest.raises(UsageError, match="unknown field 'extra'"):
        records.load(tmp_path / "r.json")
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        records.load(tmp_path / "r.json")
    with pytest.raises(UsageError, match="does not exist"):
        records.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"better": "bigger"}, "better must be"),
        ({"values": [], "seeds": []}, "at least one"),
        ({"values": [1.0]}, "1 values for 2 seeds"),
        ({"values": [1.0, float("nan")]}, "finite"),
    ],
)
def test_impossible_records_are_refused(changes, match):
    with pytest.raises(UsageError, match=match):
        example(**changes)


def test_scorecard_lists_claims_in_order_then_other_records():
    claims = [
        {"id": k, "chapter": "c", "slide": "s", "claim": k, "dataset": "d", "method": "m", "metric": "x", "unit": "1",
         "better": "higher", "reported": 1.0}
        for k in ("b", "a")
    ]  # fmt: skip
    rows = records.scorecard(claims, {"a": example(), "own": example(claim="mine")})
    assert [row["id"] for row in rows] == ["b", "a", "own"]
    assert rows[0]["record"] is None and rows[1]["record"].mean == 2 and rows[2]["claim"] == "mine"


def test_the_claims_of_the_talk_and_the_records_of_the_book_are_well_formed():
    claims = records.load_claims(ROOT / "book" / "claims.json")
    found = records.load_all(ROOT / "book" / "records")
    assert len(claims) > 100 and found
    for name, record in found.items():
        assert record.commit != "unknown", f"{name}: made outside a checkout"
        for claim in claims:
            if claim["id"] == name:
                assert record.reported == claim["reported"], f"{name}: reported differs from the claim"


def test_psnr_claims_are_those_of_their_mse():
    """The talk's inpainting tables compute PSNR from the mean MSE on the 0-255 scale; a typing error would show."""
    import math

    by_id = {c["id"]: c["reported"] for c in records.load_claims(ROOT / "book" / "claims.json")}
    pairs = [(v, by_id[k.removesuffix("-mse") + "-psnr"]) for k, v in by_id.items() if k.endswith("-mse")]
    assert len(pairs) == 36
    gaps = [abs(10 * math.log10(255**2 / mse) - psnr) for mse, psnr in pairs]
    assert sorted(gaps)[-2] < 0.001 and max(gaps) < 0.007  # one cell of the talk is 0.006 off
