"""Files that cannot be read are refused in one sentence that names the file."""

from __future__ import annotations

import os

import pytest

from scenarios.reading import MAX_BYTES, parse_json, read_json, read_text
from simulator.errors import InvalidScenario


def refused(call, *words: str) -> str:
    with pytest.raises(InvalidScenario) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text
    return text


def test_text_drops_the_byte_order_mark(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfh\xc3\xa9")
    assert read_text(path) == "hé"


def test_missing_folder_pipe_and_nul(tmp_path):
    refused(lambda: read_text(tmp_path / "none.json"), "none.json", "No such file")
    refused(lambda: read_text(tmp_path), "folder")
    os.mkfifo(tmp_path / "pipe")
    refused(lambda: read_text(tmp_path / "pipe"), "regular file")
    refused(lambda: read_text("a\0b"), "cannot be read")
    refused(lambda: read_text("x" * 5000), "cannot be read")


def test_too_large_is_refused_before_reading(tmp_path):
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    refused(lambda: read_text(path), "big.json", "too large")


def test_not_utf8_names_the_byte(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"a": "\xe9"}')
    refused(lambda: read_json(path), "latin.json", "UTF-8", "0xe9", "offset 7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,', ["not valid JSON", "line 1"]),
        ("", ["not valid JSON"]),
        ('{"a": NaN}', ["NaN"]),
        ('{"a": -Infinity}', ["-Infinity"]),
        ('{"a": 1e999}', ["1e999", "too large"]),
        ('{"a": ' + "9" * 400 + "}", ["400 digits"]),
        ('{"a": ' + "9" * 9000 + "}", ["9000 digits"]),
        ('{"a": 1, "b": 2, "a": 3}', ["'a'", "twice"]),
        ("[" * 100_000, ["nesting"]),
        ("[" * 150 + "]" * 150, ["nesting"]),
        ('{"a":' * 150 + "1" + "}" * 150, ["nesting"]),
        ('{"a": "\\ud800"}', ["\\ud800", "half"]),
        ('{"\\uDFFF": 1}', ["\\udfff", "half"]),
        ("\x00", ["not valid JSON"]),
    ],
)
def test_json_pitfalls(text, words):
    refused(lambda: parse_json(text, "x.json"), "x.json", *words)


def test_a_long_line_is_read(tmp_path):
    path = tmp_path / "long.json"
    path.write_text("[" + "1," * 5_000_000 + "1]")
    assert len(read_json(path)) == 5_000_001


def test_escaped_pairs_are_one_character():
    assert parse_json('"\\ud83d\\ude00"', "x.json") == "\U0001f600"


def test_ordinary_json():
    data = parse_json('{"a": [1, 2.5, null, true, "x"], "b": {}}', "x.json")
    assert data == {"a": [1, 2.5, None, True, "x"], "b": {}}
