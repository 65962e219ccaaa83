"""What Kokoro makes of a text and of a voice's name, before any package of the engine is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import engine_part
from ishowtts_worker.errors import UnknownVoice

mixing, languages, reading, symbols = (
    engine_part("kokoro", name) for name in ("mixing", "languages", "reading", "symbols")
)


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("jf_alpha", {"jf_alpha": 1}),
        ("jf_alpha+jm_kumo", {"jf_alpha": 0.5, "jm_kumo": 0.5}),
        ("jf_alpha(3)+jm_kumo(1)", {"jf_alpha": 0.75, "jm_kumo": 0.25}),
        ("jf_alpha(0.3) + jm_kumo(.1)", {"jf_alpha": 0.75, "jm_kumo": 0.25}),
        (" a + b ( 2 ) + a ", {"a": 0.5, "b": 0.5}),
    ],
)
def test_a_mixture_is_a_sum_of_voices_with_their_shares(text: str, shares: dict[str, float]) -> None:
    found = mixing.parse(text)
    assert list(found) == list(shares) and found == pytest.approx(shares)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "a+",
        "+a",
        "a(0)",
        "a(-1)",
        "a(x)",
        "a()",
        "a(1)(2)",
        "a b",
        "(2)",
        "a(2",
        "a(1001)",
        "a(1e9)",
    ],
)
def test_a_mixture_that_is_none_is_told_with_how_one_is_written(text: str) -> None:
    with pytest.raises(UnknownVoice, match=r"'one\(2\)\+other\(1\)'") as told:
        mixing.parse(text)
    assert told.value.param == "voice"


@given(st.text("ab_+(). 019", max_size=30))
def test_every_text_is_a_mixture_or_an_unknown_voice(text: str) -> None:
    try:
        shares = mixing.parse(text)
    except UnknownVoice:
        return
    assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) > 0


@pytest.mark.parametrize(
    ("voice", "spoken"),
    [
        ("af_heart", ["en"]),
        ("bm_george", ["en"]),
        ("ef_dora", ["es"]),
        ("ff_siwis", ["fr"]),
        ("hf_alpha", ["hi"]),
        ("im_nicola", ["it"]),
        ("jf_alpha", ["ja"]),
        ("jm_kumo", ["ja", "en"]),
        ("pf_dora", ["pt"]),
        ("zf_xiaobei", ["zh"]),
        ("xf_nobody", []),
        ("alpha", []),
        ("", []),
    ],
)
def test_the_first_letter_of_a_voice_tells_its_language(voice: str, spoken: list[str]) -> None:
    assert [one.language for one in languages.accents(voice)] == spoken


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello there. How are you?", ["Hello there.", "How are you?"]),
        (
            'It is 3.14, e.g. by J. Smith... "Yes!" he said.',
            ["It is 3.14, e.g. by J. Smith...", '"Yes!"', "he said."],
        ),
        (
            "今日は。元気？はい！「そうです。」と言った",
            ["今日は。", "元気？", "はい！", "「そうです。」", "と言った"],
        ),
        ("one\n\ntwo", ["one", "two"]),
        ("你好！！！再见", ["你好！！！", "再见"]),
        ("", []),
    ],
)
def test_a_text_is_spoken_sentence_by_sentence(text: str, sentences: list[str]) -> None:
    assert list(reading.sentences(text)) == sentences


@given(st.text(st.sampled_from("ab A.!?。、「」\"' \n1"), max_size=60))
def test_no_character_is_lost_between_sentences_and_clauses(text: str) -> None:
    def inked(text: str) -> str:
        return "".join(text.split())

    found = list(reading.sentences(text))
    assert inked("".join(found)) == inked(text)
    for sentence in found:
        parts = [clause.words + clause.marks for clause in reading.clauses(sentence)]
        assert inked("".join(parts)) == inked(sentence)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Well, it is 3.14 at 12:30; yes!", [("Well", ", "), ("it is 3.14 at 12:30", "; "), ("yes", "!")]),
        (
            "well-known - at example.com, e.g. here",
            [("well-known", " — "), ("at example.com", ", "), ("e.g. here", "")],
        ),
        ("¿Qué tal?", [("Qué tal", "?")]),
        ("«Oui»", [("", "“"), ("Oui", "”")]),
    ],
)
def test_espeak_gets_words_without_marks(text: str, clauses: list[tuple[str, str]]) -> None:
    assert [(one.words, one.marks) for one in reading.clauses(text)] == clauses


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("12:30〜13:00", "12時30分から13時"),
        ("-5℃", "マイナス5度"),
        ("$5と¥1,200", "5ドルと1,200円"),
        ("2024/3/15", "2024年3月15日"),
        ("090-1234-5678", "090-1234-5678"),
        ("比率は3:2", "比率は3:2"),
    ],
)
def test_japanese_signs_are_put_in_words(written: str, spoken: str) -> None:
    assert reading.japanese_spoken(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("12:30到13:00", "12点30分到13点"),
        ("-5℃", "负5摄氏度"),
        ("$5和￥1,200", "5美元和1200元"),
        ("2024-03-15", "2024年3月15日"),
        ("010-12345678", "零一零 一二三四五六七八"),
        ("13800138000", "一三八零零一三八零零零"),
        ("3~5天，10-20个，2个人", "3到5天，10到20个，两个人"),
        ("0.5和12个", "0.5和12个"),
    ],
)
def test_mandarin_signs_are_put_in_words(written: str, spoken: str) -> None:
    assert reading.mandarin_spoken(written) == spoken


def test_english_words_in_another_script_stand_apart() -> None:
    found = [(one.text, one.latin) for one in reading.stretches("用GitHub Actions做CI，A股15")]
    assert found == [
        ("用", False),
        ("GitHub Actions", True),
        ("做", False),
        ("CI", True),
        ("，", False),
        ("A", True),
        ("股15", False),
    ]


@pytest.mark.parametrize(
    ("phonemes", "accent", "expected"),
    [
        ("həlˈo^ʊ ðˈɛ^ɹ", "en-us", "həlˈO ðˈɛɹ"),
        ("nˈɜːs ɡˈə^ʊt skwˈe^ə nˈi^ə", "en", "nˈɜːs ɡˈQt skwˈɛː nˈɪə"),
        ("nˈɜːs d^ʒˈʌmps t^ʃˈe^ɪn", "en-us", "nˈɜɹs ʤˈʌmps ʧˈAn"),
        ("bˈɑːɾə^l bˈʌʔn̩ ˈo^ʊvɚ", "en-us", "bˈɑTᵊl bˈʌtn ˈOvəɹ"),
        ("lə (^e^n)wiːkˈɛnd(^f^r)", "fr", "lə wiːkˈɛnd"),
        ("t^ʃˈao t^sˈio", "it", "ʧˈao ʦˈio"),
    ],
)
def test_espeaks_phonemes_become_the_models_symbols(phonemes: str, accent: str, expected: str) -> None:
    assert symbols.of_espeak(phonemes, accent) == expected


@pytest.mark.parametrize(
    ("ipa", "expected"),
    [("ʈʂʊ˥ŋ", "ꭧʊ→ŋ"), ("ʂɻ̩˧˥", "ʂɨ↗"), ("tsɹ̩˧˩˧", "ʦɨ↓"), ("tɕʰy˥˩", "ʨʰy↘")],
)
def test_a_syllable_of_pinyin_becomes_the_models_symbols(ipa: str, expected: str) -> None:
    assert symbols.of_pinyin(ipa) == expected


def test_what_the_model_does_not_know_is_left_out_and_marks_alone_are_no_speech() -> None:
    vocabulary = {"a": 43, ".": 4, "ː": 158}
    assert symbols.tokens("a?a.", vocabulary) == [43, 43, 4]
    assert symbols.tokens("ː.", vocabulary) == [] == symbols.tokens("☃", vocabulary)


@given(st.text("ab ,.", max_size=1200))
def test_a_long_sentence_is_cut_and_nothing_of_it_is_lost(phonemes: str) -> None:
    runs = list(symbols.runs(phonemes))
    assert "".join(runs) == phonemes and all(len(run) <= symbols.LONGEST_RUN for run in runs)


def test_a_long_sentence_is_cut_behind_a_mark_rather_than_anywhere() -> None:
    first, *_ = symbols.runs("a" * 80 + ", " + "bc " * 60)
    assert first == "a" * 80 + ", " and symbols.ends_clause(first) and not symbols.ends_clause("bc ")
