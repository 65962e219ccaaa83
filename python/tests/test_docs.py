"""The example of `docs/adding-an-engine.md` is an engine that runs."""

import re
from pathlib import Path

import numpy as np

from conftest import AddEngine
from harness import worker
from ishowtts_worker import audio
from ishowtts_worker.protocol import Done, Failure

GUIDE = Path(__file__).resolve().parents[2] / "docs/adding-an-engine.md"


def test_the_example_engine_of_the_guide_works(add_engine: AddEngine) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    add_engine("morse", example)
    with worker("morse") as (supervisor, _):
        ready = supervisor.get_ready("morse", frequency=700)
        assert [voice.id for voice in ready.voices] == ["key"]
        pcm, ending = supervisor.say(1, "SOS, 你好!")
        assert isinstance(ending, Done) and ending.skipped == 2
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        assert abs(audio.active_level_db(samples, ready.sample_rate) - audio.HOUSE_LEVEL_DB) < 1.5
        faster, _ = supervisor.say(2, "SOS", speed=2.0)
        assert len(faster) == len(pcm) // 2
        _, ending = supervisor.say(3, "SOS", options={"frequency": 5})
        assert isinstance(ending, Failure) and ending.param == "frequency"
        _, ending = supervisor.say(4, "你好")
        assert isinstance(ending, Failure) and ending.code == "nothing_to_speak"


def test_the_guide_names_only_files_that_exist() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    root = GUIDE.parent.parent
    engines = root / "python/src/ishowtts_worker/engines"
    for path in re.findall(r"`(python/(?:tools|tests)[\w/.]*)`", text.replace("test_NAME", "test_piper")):
        assert (root / path).exists(), path
    for path in re.findall(r"`((?:piper|fastspeech2)/[\w.]*|tone\.py)`", text):
        assert (engines / path).exists(), path
