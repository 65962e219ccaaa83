import pytest

from ishowtts_worker.numerals import in_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I paid $12.50 for 3 MP3s.", "I paid twelve dollars and fifty cents for three MP three s."),
        ("at 3:05, at 15:00 and at 9:30", "at three oh five, at fifteen hundred and at nine thirty"),
        ("the 21st of May, 1999", "the twenty-first of May, nineteen ninety-nine"),
        (
            "1,234 people, 3.14%, -5 degrees",
            "one thousand two hundred and thirty-four people, "
            "three point one four percent, minus five degrees",
        ),
        ("£1.01 or €1", "one pound and one penny or one euro"),
        ("agent 007 in room 24b", "agent zero zero seven in room twenty-four b"),
        ("no numbers", "no numbers"),
        ("12345678901234567890", "one two three four five six seven eight nine zero " * 2),
    ],
)
def test_english(text: str, words: str) -> None:
    assert in_words(text, "en") == words.strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2020年3月15日", "二零二零年三月十五日"),
        ("涨了3.14%，价格99.5元，气温-5度", "涨了百分之三点一四，价格九十九点五元，气温负五度"),
        ("电话13800138000", "电话一三八零零一三八零零零"),
        ("1,234人，第3名", "一千二百三十四人，第三名"),
        ("99999999999999999999个", "九" * 20 + "个"),
    ],
)
def test_chinese(text: str, words: str) -> None:
    assert in_words(text, "zh") == words


def test_digits_of_other_scripts_are_digits_and_other_languages_are_left_alone() -> None:
    assert in_words("３ Äpfel", "de") == "3 Äpfel"
    assert in_words("٣ and 5", "en-GB") == "three and five"
    assert in_words("٣个", "zh") == "三个"
