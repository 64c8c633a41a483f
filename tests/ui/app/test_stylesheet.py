"""The console's styles are parsed once a theme."""

from __future__ import annotations

from typing import Any

import pytest
from textual.css import stylesheet
from textual.css.parse import parse

from elconsole.ui.console.stylesheet import ParsedOnce

pytestmark = pytest.mark.unit

SOURCE = ("styles", "")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed."""
    texts: list[str] = []

    def counted(scope: str, css: str, *arguments: Any, **options: Any) -> object:
        texts.append(css)
        return parse(scope, css, *arguments, **options)

    monkeypatch.setattr(stylesheet, "parse", counted)
    return texts


def test_a_text_is_parsed_again_only_with_other_variables(parsed: list[str]) -> None:
    text = "Label { color: $tone-of-a-test; }"
    sheet = ParsedOnce({"tone-of-a-test": "red"})
    sheet.add_source(text, SOURCE)
    red = [rule.css for rule in sheet.rules]
    sheet.add_source("Input { color: $tone-of-a-test; }", ("others", ""))
    sheet.reparse()
    assert len(sheet.rules) == 2
    assert parsed.count(text) == 1
    sheet.set_variables({"tone-of-a-test": "blue"})
    sheet.reparse()
    assert [rule.css for rule in sheet.rules][:1] != red
    sheet.set_variables({"tone-of-a-test": "red"})
    sheet.reparse()
    assert [rule.css for rule in sheet.rules][:1] == red
    assert parsed.count(text) == 2


def test_what_cannot_be_parsed_leaves_the_rules_as_they_were() -> None:
    sheet = ParsedOnce({})
    sheet.add_source("Label { color: red; }", SOURCE)
    before = sheet.rules
    sheet.add_source("Label { colour: red; }", ("others", ""))
    with pytest.raises(stylesheet.StylesheetParseError):
        sheet.reparse()
    assert sheet._rules is before
