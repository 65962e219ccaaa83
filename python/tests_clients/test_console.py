"""The console in a real browser, headless, against a running server at ISHOWTTS_URL.

Its key is ISHOWTTS_KEY. The server has the engine `tone`, 80 ms at 24 kHz for each character, and a scripted
one named `f5` that takes voices in. The browser plays into nothing, but at the pace of a sound card; a second
ear at its output tells what was to be heard.
"""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import struct
import time
import urllib.request
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

URL, KEY = os.environ["ISHOWTTS_URL"], os.environ["ISHOWTTS_KEY"]
PATIENCE = 60.0
TEXT = "Heard in a real browser."
SECONDS = 0.08 * len(TEXT)
VOICE = "tone:tone"
RATE = 24_000

# Everything that a page plays goes through a second ear, which remembers the loudest sample and the contexts.
EAR = """
  window.ear = { loudest: 0, contexts: [] };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && !(this instanceof AnalyserNode)) {
      const { context } = this;
      const analyser = context.createAnalyser();
      const samples = new Float32Array(analyser.fftSize);
      if (!window.ear.contexts.includes(context)) window.ear.contexts.push(context);
      connect.call(this, analyser);
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        window.ear.level = Math.max(...samples.map(Math.abs));
        window.ear.loudest = Math.max(window.ear.loudest, window.ear.level);
      }, 20);
    }
    return connect.call(this, target, ...rest);
  };
"""

Found = TypeVar("Found")


def eventually(what: str, look: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        # What the page draws anew may go away while one looks at it.
        with suppress(StaleElementReferenceException):
            if found := look():
                return found
        time.sleep(0.03)
    pytest.fail(f"never came true: {what}")


def wav(seconds: float, peak: int = 9000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        samples = (round(peak * math.sin(0.06 * at)) for at in range(round(seconds * RATE)))
        writer.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def asked(path: str, method: str = "GET") -> Any:
    request = urllib.request.Request(URL + path, method=method, headers={"X-API-Key": KEY})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


class Console:
    """The page, as somebody in front of it has it."""

    def __init__(self, browser: webdriver.Chrome, downloads: Path) -> None:
        self.browser = browser
        self.downloads = downloads

    def open(self, key: str | None = KEY) -> None:
        self.browser.get(URL)
        self.js("localStorage.clear(); sessionStorage.clear()")
        if key:
            self.js("sessionStorage.setItem('ishowtts-key', arguments[0])", key)
        self.browser.refresh()
        if key:
            self.until("the server is ready", lambda: self.state("condition") == "ready")
            self.until(
                "voices are listed", lambda: self.js("return document.querySelector('#voice').length > 2")
            )

    def js(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def __getitem__(self, name: str) -> WebElement:
        return self.browser.find_element(By.ID, name)

    def state(self, name: str) -> str:
        return str(self[name].get_attribute("data-state"))

    def until(self, what: str, look: Callable[[], Any]) -> Any:
        return eventually(what, look)

    def choose(self, text: str, voice: str = VOICE) -> None:
        Select(self["voice"]).select_by_value(voice)
        self["text"].clear()
        self["text"].send_keys(text)

    def speak(self, text: str, voice: str = VOICE) -> None:
        self.choose(text, voice)
        self["speak"].click()

    def is_speaking(self, state: str) -> None:
        def look() -> bool:
            found = self.state("speak-form")
            assert found != "failed" or state == "failed", self["said"].text
            return found == state

        self.until(f"speech is {state}", look)

    def figure(self, name: str) -> str:
        found = "return document.querySelector(`[data-figure='${arguments[0]}'] dd`)?.textContent ?? ''"
        return str(self.js(found, name))

    def click(self, selector: str) -> None:
        def click() -> bool:
            self.browser.find_element(By.CSS_SELECTOR, selector).click()
            return True

        eventually(f"{selector} can be clicked", click)

    def saved(self, name: str) -> bytes:
        def look() -> bytes | None:
            file = self.downloads / name
            return file.read_bytes() if file.exists() else None

        content = eventually(f"{name} is saved", look)
        (self.downloads / name).unlink()
        return content


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert program, "Chromium is missing: apt-get install chromium chromium-driver"
    assert driver, "ChromeDriver is missing: apt-get install chromium chromium-driver"
    heard = tmp_path_factory.mktemp("microphone") / "heard.wav"
    heard.write_bytes(wav(5))
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (
        "headless",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        "lang=en-US",
        "window-size=1280,1000",
        "use-fake-device-for-media-stream",
        "use-fake-ui-for-media-stream",
        f"use-file-for-fake-audio-capture={heard}",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
        *(["no-sandbox"] if os.geteuid() == 0 else []),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    browser.set_script_timeout(PATIENCE)
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": EAR})
    yield browser
    browser.quit()


@pytest.fixture
def console(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Console]:
    downloads = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    console = Console(browser, tmp_path)
    console.open()
    browser.get_log("browser")
    yield console
    # A script that broke, or something that the page's own policy refused.
    lines = browser.get_log("browser")
    assert [line for line in lines if line["level"] == "SEVERE" and line["source"] != "network"] == []


def test_a_text_is_heard_and_measured(console: Console) -> None:
    console.speak(TEXT)
    console.is_speaking("ended")
    position, rate, state, loudest = console.js(
        "const [c] = ear.contexts; return [c.currentTime, c.sampleRate, c.state, ear.loudest]"
    )
    assert state == "running"
    assert position > SECONDS, "it took as long as it is"
    assert rate == RATE, "the engine's own"
    assert loudest > 0.05, "something was to be heard"
    assert console.figure("audio") == f"{SECONDS:.1f} s"
    assert console.figure("ttfa").endswith(" ms")
    assert console.figure("underrun").endswith(" ms")
    assert console.figure("engine") == "tone"
    console.until("the server's own measure", lambda: console.figure("rtf"))
    assert f"{SECONDS:.1f} s" in console["said"].text
    # The colour of what was heard, at the first bar and at the last.
    drawn = console.js(
        "const c = document.querySelector('#waveform'); const d = c.getContext('2d');"
        "return [2, c.width - 3].map((x) => [...d.getImageData(x, c.height / 2, 1, 1).data])"
    )
    assert drawn[0][3] == 255, drawn
    assert drawn[0] != drawn[1], "the text is shorter than the page is wide"


def test_sound_begins_before_the_end_and_stop_frees_the_worker(console: Console) -> None:
    console.speak("endless", "walter")
    console.is_speaking("playing")
    console.until("it sounds", lambda: console.js("return ear.loudest > 0.05"))
    assert asked("/api/status")["requests_in_flight"] == 1
    console["stop"].click()
    assert console.state("speak-form") == "stopped"
    assert console["said"].text == "Stopped."
    console.until("the worker is free", lambda: asked("/api/status")["requests_in_flight"] == 0)
    console.until("silence", lambda: console.js("return ear.level < 0.001"))
    assert asked("/api/status")["recent"][0]["outcome"] == "gone"


def test_the_keyboard_is_enough(console: Console) -> None:
    console.choose("endless", "walter")
    console["text"].send_keys(Keys.CONTROL, Keys.ENTER)
    console.is_speaking("playing")
    console["text"].send_keys(Keys.ESCAPE)
    console.is_speaking("stopped")

    def named() -> list[bool]:
        found = console.browser.find_elements(By.CSS_SELECTOR, "button, input, select, textarea, a")
        return [bool(one.accessible_name) for one in found if one.is_displayed()]

    assert all(eventually("everything is looked at", named))
    assert console["said"].get_attribute("aria-live") == "polite"
    console["voice"].send_keys(Keys.TAB)
    focused = console.browser.switch_to.active_element
    assert focused.get_attribute("id") == "speed"
    focused.send_keys(Keys.END)
    assert focused.get_attribute("aria-valuetext") == "4×"


def test_what_was_heard_is_saved_and_other_formats_are_made(console: Console) -> None:
    console.speak(TEXT)
    console.is_speaking("ended")
    console["download"].click()
    with wave.open(io.BytesIO(console.saved("speech.wav"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = file.readframes(file.getnframes())
    assert len(samples) == 2 * round(SECONDS * RATE)
    assert max(struct.unpack(f"<{len(samples) // 2}h", samples)) > 1000
    Select(console["format"]).select_by_value("pcm")
    console["download"].click()
    assert console.saved("speech.pcm") == samples
    for format_, name, begins in (("mp3", "speech.mp3", b"\xff"), ("opus", "speech.ogg", b"OggS")):
        Select(console["format"]).select_by_value(format_)
        console["download"].click()
        assert console.saved(name).startswith(begins)


def test_errors_are_told_in_words(console: Console) -> None:
    console.speak("...")
    console.is_speaking("failed")
    assert console["said"].text == "There is nothing in this text that can be spoken."
    console.speak(TEXT)
    console.is_speaking("ended")
    assert "problem" not in str(console["said"].get_attribute("class"))


def test_a_file_becomes_a_voice_and_what_is_wrong_stands_at_its_field(
    console: Console, tmp_path: Path
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    (tmp_path / "good.wav").write_bytes(wav(3))
    console["add-voice"].click()
    console["v-name"].send_keys("My Voice")
    assert console["v-id"].get_attribute("value") == "my-voice"
    console["send-voice"].click()
    assert console["audio-error"].text == "Record something, or choose a file."
    console["v-transcript"].send_keys("Some words are said.")
    console["audio"].send_keys(str(tmp_path / "bad.wav"))
    console["send-voice"].click()
    told = console.until("the recording is refused", lambda: console["audio-error"].text)
    assert "recording" in told or "decoded" in told, told
    assert console["audio"].get_attribute("aria-invalid") == "true"
    console["v-id"].send_keys("!")
    console["audio"].send_keys(str(tmp_path / "good.wav"))
    console["send-voice"].click()
    assert "letters" in console.until("the id is refused", lambda: console["id-error"].text)
    console["v-id"].send_keys(Keys.BACKSPACE)
    console["send-voice"].click()
    console.until(
        "it is listed", lambda: console.browser.find_elements(By.CSS_SELECTOR, "[data-voice='my-voice']")
    )
    assert not console["voice-form"].is_displayed()
    console.until("it can be used", lambda: "can be used" in console["voices-said"].text)
    console.speak("normal", "my-voice")
    console.is_speaking("ended")
    row = "[data-voice='my-voice']"
    console.click(f"{row} .play")
    console.until("it is heard", lambda: asked("/api/status")["recent"][0]["voice"] == "my-voice")
    console.click(f"{row} .remove")
    console["sure-yes"].click()
    console.until("it is gone", lambda: not console.browser.find_elements(By.CSS_SELECTOR, row))
    assert all(voice["id"] != "my-voice" for voice in asked("/api/voices")["voices"])


def test_the_microphone_becomes_a_voice(console: Console) -> None:
    console["add-voice"].click()
    console["v-id"].send_keys("spoken")
    console["v-transcript"].send_keys("Some words are said.")
    console["record"].click()
    seconds = "return Number.parseFloat(document.querySelector('#chosen').textContent) > 2.5"
    console.until("it records", lambda: console.js(seconds))
    console["record"].click()
    assert console["chosen"].text.startswith("Recorded: ")
    console["send-voice"].click()
    spoken = console.until(
        "it is taken in", lambda: [v for v in asked("/api/voices")["voices"] if v["id"] == "spoken"]
    )
    assert spoken[0]["uploaded"]
    assert spoken[0]["audio_ms"] > 2000
    asked("/api/voices/spoken", "DELETE")


def test_both_languages_are_whole_and_kept(console: Console) -> None:
    words = console.browser.execute_async_script(
        "const done = arguments[0]; const file = document.querySelector('script[type=module]').src;"
        "import(new URL('./words.js', file)).then(({ words }) => done(words))"
    )
    assert words["en"].keys() == words["zh"].keys()
    placeholders = {key: text.count("{") for key, text in words["en"].items()}
    assert placeholders == {key: text.count("{") for key, text in words["zh"].items()}
    page = console.js("return [...document.querySelectorAll('*')].flatMap((e) => Object.entries(e.dataset))")
    used = {value for name, value in page if name in ("t", "tLabel", "tTitle", "tPlaceholder")}
    assert len(used) > 30
    assert used <= words["en"].keys()
    assert console["speak"].text == "Speak"
    console["language"].click()
    assert console.browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "zh-CN"
    assert (console["speak"].text, console["voices-title"].text) == ("朗读", "音色")
    console.speak(TEXT)
    console.is_speaking("ended")
    assert console["said"].text.startswith("已读完")
    console.browser.refresh()
    console.until("it is Chinese again", lambda: console["speak"].text == "朗读")
    console["language"].click()
    assert console["speak"].text == "Speak"


def test_a_key_is_asked_for_and_forgotten_with_the_tab(console: Console) -> None:
    console.open(key=None)
    console.until("a key is asked for", console["key-dialog"].is_displayed)
    assert console.state("condition") == "locked"
    console["key"].send_keys("wrong", Keys.ENTER)
    console.until("it is wrong", lambda: console["key-error"].text == "The server does not know this key.")
    console["key"].send_keys(KEY, Keys.ENTER)
    console.until("the server is ready", lambda: console.state("condition") == "ready")
    assert not console["key-dialog"].is_displayed()
    assert KEY not in console.js("return JSON.stringify(localStorage) + document.cookie")
    assert console.js("return sessionStorage.getItem('ishowtts-key')") == KEY
    console.browser.get_log("browser")


def test_the_server_is_seen_live(console: Console) -> None:
    console.speak(TEXT)
    console.is_speaking("ended")
    rows = "#recent tbody tr"
    console.until(
        "the request is listed",
        lambda: TEXT not in console["recent"].text and "tone:tone" in console["recent"].text,
    )
    assert len(console.browser.find_elements(By.CSS_SELECTOR, rows)) >= 1
    workers = console["workers"].text
    assert "tone/0" in workers and "f5/0" in workers, workers
    assert "/ 256" in console["tiles"].text


def test_nothing_is_loaded_from_elsewhere_and_a_phone_shows_all_of_it(console: Console) -> None:
    loaded = console.js("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(loaded) > 10
    assert all(name.startswith(URL) for name in loaded), loaded
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    for dark in ("light", "dark"):
        console.browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": dark}]}
        )
        console.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        wide = "const d = document.documentElement; return [d.scrollWidth, d.clientWidth]"
        scroll, client = console.js(wide)
        assert scroll <= client == phone["width"]
    ground = console.js("return getComputedStyle(document.body).backgroundColor")
    console.js("document.documentElement.dataset.theme = 'light'")
    assert console.js("return getComputedStyle(document.body).backgroundColor") != ground
    console.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    console.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
