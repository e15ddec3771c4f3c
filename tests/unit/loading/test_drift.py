"""What should be there and what is, side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tonari.contract.database import RecordState
from tonari.loading.drift import _side_by_side

IDS = st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from("ab"), max_size=8)


@given(IDS, IDS)
def test_each_id_comes_once_with_both_sides(wanted: dict[str, str], found: dict[str, str]) -> None:
    def ordered(of: dict[str, str]) -> list[str]:
        return sorted(of, key=lambda name: name.encode("utf-8", "surrogatepass"))

    rows = [RecordState(name, 0, found[name]) for name in ordered(found)]
    both = list(_side_by_side(((name, wanted[name]) for name in ordered(wanted)), iter(rows)))
    assert [name for name, _, _ in both] == ordered({**wanted, **found})
    assert [(ours, theirs.state if theirs else None) for _, ours, theirs in both] == [
        (wanted.get(name), found.get(name)) for name, _, _ in both
    ]
