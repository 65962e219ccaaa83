"""What the front ends make of a text, before any package of an engine is needed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import engine_part
from ishowtts_worker.protocol import Phonemes
from ishowtts_worker.text import counts_as_skipped, cut

piper = engine_part("piper", "reading")
fastspeech2 = engine_part("fastspeech2", "reading")

ANY_TEXT = st.text(st.characters(), max_size=200)


@given(st.text(max_size=300), st.integers(3, 50))
def test_a_cut_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = list(cut(text, limit, lambda at: text[at - 1] == " "))
    assert "".join(map(str, parts)) == text
    assert all(len(part) <= limit for part in parts)


@given(ANY_TEXT)
def test_piper_keeps_or_counts_every_character(text: str) -> None:
    readable, skipped = piper.read(text, "fr")
    told = sum(map(counts_as_skipped, unicodedata.normalize("NFC", text)))
    assert skipped + sum(map(counts_as_skipped, readable)) == told or (readable == "" and skipped <= told)


@given(ANY_TEXT)
def test_piper_gives_espeak_nothing_that_it_chokes_on(text: str) -> None:
    readable, _ = piper.read(text, "en")
    assert "\0" not in readable and "[[" not in readable
    readable.encode()


@pytest.mark.parametrize(
    ("text", "readable", "skipped"),
    [
        ("Hello, world.", "Hello, world.", 0),
        ("Hello 你好!", "Hello   !", 2),
        ("a😀b\u200dc", "a b c", 2),
        ("naïve cafe\u0301", "naïve café", 0),
        ("It costs $5 + 3€ at 20°", "It costs $5 + 3€ at 20°", 0),
        ("Dr. Smith and Mrs. Jones", "Dr Smith and Mrs Jones", 0),
        ("[[hɛloʊ]] [x]", "[ [hɛloʊ] ] [x]", 0),
        ("... ?!", "", 0),
        ("你好", "", 2),
        ("", "", 0),
        ("\ud800x", " x", 1),
    ],
)
def test_piper_reads_what_an_english_voice_can(text: str, readable: str, skipped: int) -> None:
    assert piper.read(text, "en") == (readable, skipped)


def test_piper_takes_the_sounds_of_a_word_and_none_that_a_text_brings() -> None:
    given = [Phonemes(2, 5, "d\u0292\u02c8\u026af"), Phonemes(7, 9, "]]x[[")]
    told, skipped = piper.read("a GIF, ok [[x]]", "en", given)
    assert (told, skipped) == ("a [[d\u0292\u02c8\u026af,]] [[x]] [ [x] ]", 0)
    for wrong in (Phonemes(3, 3, "x"), Phonemes(4, 90, "x"), Phonemes(2, 1, "x")):
        assert piper.read("a GIF", "en", [wrong]) == ("a GIF", 0)


def test_piper_reads_the_script_of_its_language() -> None:
    assert piper.read("Привет world", "ru") == ("Привет      ", 5)
    assert piper.read("你好 hi", "zh") == ("你好 hi", 0)


@given(st.lists(st.sampled_from("abc ,;. "), max_size=1000))
def test_piper_bounds_what_the_model_runs_at_once(phonemes: list[str]) -> None:
    runs = list(piper.runs(phonemes))
    assert [one for run in runs for one in run] == phonemes
    assert all(len(run) <= piper.LONGEST_RUN for run in runs)


def test_piper_cuts_a_long_sentence_after_a_comma_rather_than_anywhere() -> None:
    phonemes = list("a" * 100 + ", " + "bc " * 60)
    first, *_ = piper.runs(phonemes)
    assert "".join(first) == "a" * 100 + ", "


def spoken(text: str) -> list[str]:
    return [clause.text for clause in fastspeech2.read(text)[0]]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("你好，世界。", ["你好", "世界"]),
        ("一；二：三\n四!五?六,七.八", list("一二三四五六七八")),
        ("气温-5度", ["气温负5度"]),
        ("-5度，−3℃，-2.5", ["负5度", "负3摄氏度", "负2.5"]),
        ("在12:30见，12:00到，9：05：07完", ["在12点30分见", "12点到", "9点05分07秒完"]),
        ("比分3:2", ["比分3比2"]),
        ("2020-03-15和2021/1/2", ["2020年3月15日和2021年1月2日"]),
        ("电话010-12345678", ["电话010-12345678"]),
        ("3-5天，10~20个", ["3到5天", "10到20个"]),
        ("1,234.5元", ["1,234.5元"]),
        ("￥99，$5", ["99元", "5美元"]),
        ("1+1=2", ["1加1等于2"]),
        ("２０２４年〇点", ["2024年零点"]),
        ("2个人", ["两个人"]),
        ("……你好", ["你好"]),
    ],
)
def test_fastspeech2_reads_what_people_write(text: str, clauses: list[str]) -> None:
    assert spoken(text) == clauses
    assert fastspeech2.read(text)[1] == 0


@pytest.mark.parametrize(
    ("text", "clauses", "skipped"),
    [
        ("Hello 世界", ["      世界"], 5),
        ("😀好\x00", [" 好 "], 2),
        ("兙兡好", ["  好"], 2),
        ("㐀𠀀好", ["  好"], 2),
        ("Hello", [], 5),
        ("，。！", [], 0),
    ],
)
def test_fastspeech2_leaves_out_and_counts_what_it_cannot_read(
    text: str, clauses: list[str], skipped: int
) -> None:
    assert (spoken(text), fastspeech2.read(text)[1]) == (clauses, skipped)


@given(st.text(st.sampled_from("你好世界兙a😀 ，。、\n“”"), max_size=200))
def test_fastspeech2_keeps_or_counts_every_character(text: str) -> None:
    clauses, skipped = fastspeech2.read(text)
    kept = "".join(clause.text for clause in clauses)
    assert skipped == sum(one in "兙a😀" for one in text)
    assert [one for one in kept if fastspeech2.readable(one)] == [one for one in text if one in "你好世界"]


@given(ANY_TEXT)
def test_fastspeech2_reads_any_text(text: str) -> None:
    clauses, skipped = fastspeech2.read(text)
    assert skipped >= 0
    assert all(clause.pause > 0 and any(map(fastspeech2.readable, clause.text)) for clause in clauses)


def test_a_full_stop_is_a_longer_pause_than_a_comma() -> None:
    pauses = [clause.pause for clause in fastspeech2.read("一、二，三。四")[0]]
    assert pauses[0] < pauses[1] < pauses[2]
