from __future__ import annotations

import gzip
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from bot.channels import pages
from bot.content import leaflets


def request(**headers: str) -> Any:
    return SimpleNamespace(headers={key.replace("_", "-"): value for key, value in headers.items()})


@pytest.mark.parametrize(
    "path", ["/", "/accessibility", "/widget.js", "/page.css", "/page.js", "/icon.svg", "/widget.json"]
)
def test_every_file_is_sent_whole_compressed_or_not_at_all(path: str) -> None:
    file = pages.files()[path]
    plain = file.answer(request())
    packed = file.answer(request(accept_encoding="gzip, br"))
    known = file.answer(request(if_none_match=plain.headers["ETag"]))
    assert plain.body == gzip.decompress(packed.body) == file.content
    assert packed.headers["Content-Encoding"] == "gzip"
    assert (known.status, known.body) == (304, b"")
    assert file.answer(request(if_none_match='W/"another"')).status == 200


def test_pages_are_filled_in_and_name_every_leaflet() -> None:
    page = pages.files()["/"].content.decode()
    assert not re.search(r"\$\w", page)
    for leaflet in leaflets().values():
        assert f">{leaflet.title}</th><td>{leaflet.country}</td><td>{leaflet.year}</td>" in page


def test_the_page_loads_the_widget_that_is_served() -> None:
    built = json.loads(pages.files()["/widget.json"].content)
    assert f'integrity="{built["integrity"]}"' in pages.files()["/"].content.decode()
    assert built["bytes"] == len(pages.files()["/widget.js"].content)


def test_only_the_widget_may_be_loaded_by_other_websites() -> None:
    shared = {path for path, file in pages.files().items() if "Access-Control-Allow-Origin" in file.headers}
    assert shared == {"/widget.js", "/widget.json"}


def test_no_page_allows_inline_scripts_or_others() -> None:
    policy = pages.files()["/"].answer(request()).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
