// Text in, speech out: asked for, heard while it comes, measured, and saved.

import { call, json } from "./api.js";
import { $, kept, make, save } from "./dom.js";
import { explain, ms, number, onLanguage, t } from "./language.js";
import { Player, takeTurn } from "./player.js";
import { onChange, server } from "./store.js";
import { wav } from "./wav.js";
import { Waveform } from "./waveform.js";

/** Where no engine has said otherwise yet. */
const USUAL_RATE = 24_000;
const ENDINGS = { opus: "ogg" };

const player = new Player();
const waveform = new Waveform($("waveform"));
const form = $("speak-form");

/** What is heard, or was heard last. */
let heard = { key: "", pieces: [], samples: 0, rate: USUAL_RATE, complete: false };
let figures = {};
let abort = null;
let said = null;

const speed = () => 2 ** Number($("speed").value);

function request() {
  const body = { text: $("text").value, voice_id: $("voice").value };
  const rate = Math.round(speed() * 100) / 100;
  if (rate !== 1) body.speed = rate;
  return body;
}

/** The rate of the engines that may speak: what they make is then heard as it is. */
function rate() {
  const voice = server.voices.find((one) => one.id === $("voice").value);
  const engines = server.status?.engines ?? {};
  const names = voice ? Object.values(voice.engines) : Object.keys(engines);
  return Math.max(0, ...names.map((name) => engines[name]?.sample_rate ?? 0)) || USUAL_RATE;
}

function tell(name, values) {
  said = name && (() => t(name, values));
  $("said").textContent = said ? said() : "";
  $("said").classList.remove("problem");
}

function fail(error) {
  said = () => (error.code ? explain(error) : error.message);
  $("said").textContent = said();
  $("said").classList.add("problem");
}

function state(name) {
  form.dataset.state = name;
  const runs = name === "waiting" || name === "playing";
  $("stop").disabled = !runs;
  $("again").disabled = runs || heard.samples === 0;
}

function show(more) {
  figures = more ? { ...figures, ...more } : {};
  const rows = ["ttfa", "rtf", "underrun", "audio", "queue", "cache", "engine"].filter((name) => name in figures);
  $("figures").replaceChildren(
    ...rows.map((name) => {
      const value = figures[name];
      const term = make("dt", { title: t(`figure.${name}.why`) }, t(`figure.${name}`));
      return make("div", { "data-figure": name }, term, make("dd", { className: "figure" }, typeof value === "function" ? value() : value));
    }),
  );
}

/** Redraws for as long as something is to be heard. */
function follow() {
  waveform.draw(player.position);
  if (form.dataset.state === "playing") requestAnimationFrame(follow);
}

function stop() {
  const wasOn = abort !== null || form.dataset.state === "playing";
  abort?.abort();
  abort = null;
  player.stop();
  if (wasOn) {
    tell("speak.stopped");
    state("stopped");
  }
}

function ended() {
  waveform.draw(heard.samples / heard.rate);
  show({ underrun: () => ms(player.worstGap * 1000) });
  tell("speak.ended", { seconds: number(heard.samples / heard.rate, 1) });
  state("ended");
}

async function speak() {
  const body = request();
  if (!body.text.trim()) {
    $("text").focus();
    return;
  }
  takeTurn(stop);
  stop();
  const mine = new AbortController();
  abort = mine;
  const wanted = rate();
  heard = { key: JSON.stringify(body), pieces: [], samples: 0, rate: wanted, complete: false };
  player.begin(wanted, ended);
  waveform.clear(wanted);
  show(null);
  tell("speak.waiting");
  state("waiting");
  const headers = { "Content-Type": "application/json" };
  if ($("fresh").checked) headers["Cache-Control"] = "no-cache";
  const started = performance.now();
  try {
    const response = await call("api/tts", {
      method: "POST",
      headers,
      signal: mine.signal,
      body: JSON.stringify({ ...body, format: "pcm", sample_rate: wanted, stream: true }),
    });
    await receive(response, started, mine);
    void measure(response.headers.get("x-request-id"), mine);
  } catch (error) {
    if (abort !== mine) return;
    abort = null;
    player.stop();
    state("failed");
    if (error.name === "TypeError") tell("speak.broken");
    else fail(error);
    $("said").classList.add("problem");
  }
}

/** Reads the stream to its end and plays it. */
async function receive(response, started, mine) {
  const reader = response.body.getReader();
  let odd = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done || abort !== mine) break;
    if (heard.samples === 0) {
      const ttfa = performance.now() - started;
      const words = (name) => response.headers.get(name) ?? "";
      show({ ttfa: () => ms(ttfa), cache: words("x-cache"), engine: words("x-engine").replaceAll(",", ", ") });
      tell("speak.playing", { ttfa: number(ttfa) });
    }
    // A sample may be cut in two by the network.
    const bytes = new Uint8Array(odd.length + value.length);
    bytes.set(odd);
    bytes.set(value, odd.length);
    const whole = bytes.length - (bytes.length % 2);
    odd = bytes.slice(whole);
    const samples = new Int16Array(bytes.buffer, 0, whole / 2);
    player.push(samples);
    waveform.add(samples);
    heard.pieces.push(samples);
    heard.samples += samples.length;
    const seconds = heard.samples / heard.rate;
    show({ audio: () => `${number(seconds, 1)} s`, underrun: () => ms(player.worstGap * 1000) });
    if (form.dataset.state === "waiting" && samples.length > 0) {
      state("playing");
      requestAnimationFrame(follow);
    }
  }
  if (abort !== mine) return;
  abort = null;
  heard.complete = true;
  $("waveform").setAttribute("aria-label", t("speak.waveform.of", { seconds: number(heard.samples / heard.rate, 1) }));
  player.complete();
}

/** What the server measured of the same request. */
async function measure(id, mine) {
  if (!id || mine.signal.aborted) return;
  const status = await json("api/status").catch(() => null);
  const found = status?.recent.find((one) => one.request_id === id);
  if (!found || mine.signal.aborted || !heard.complete) return;
  show({
    rtf: found.rtf === null ? "–" : () => number(found.rtf, 3),
    queue: () => ms(found.queue_wait_ms ?? 0),
  });
}

function playAgain() {
  takeTurn(stop);
  player.begin(heard.rate, ended);
  for (const piece of heard.pieces) player.push(piece);
  player.complete();
  state("playing");
  requestAnimationFrame(follow);
}

/** Saves what was heard; another format, or another text, is asked for. */
async function download() {
  const body = request();
  const format = $("format").value;
  const name = `speech.${ENDINGS[format] ?? format}`;
  const isHeard = heard.complete && heard.key === JSON.stringify(body);
  try {
    if (isHeard && format === "wav") save(wav(heard.pieces, heard.rate), name);
    else if (isHeard && format === "pcm") save(new Blob(heard.pieces), name);
    else {
      tell("speak.saving");
      const headers = { "Content-Type": "application/json" };
      const response = await call("api/tts", { method: "POST", headers, body: JSON.stringify({ ...body, format }) });
      save(await response.blob(), name);
    }
    tell("speak.saved", { name });
  } catch (error) {
    fail(error);
  }
}

function edited() {
  const count = [...$("text").value].length;
  $("count").textContent = count > 0 ? t("speak.count", { count: number(count) }) : "";
  $("download").disabled = !$("text").value.trim();
  $("example").hidden = count > 0;
  const told = number(speed(), 2, 0);
  $("speed-told").textContent = `${told}×`;
  $("speed").setAttribute("aria-valuetext", `${told}×`);
}

/** The list of voices anew, with the same one chosen. */
function listVoices() {
  const chosen = $("voice").value === "auto" ? (kept.get("voice") ?? "auto") : $("voice").value;
  const groups = ["configured", "cloned", "engine"].map((kind) => {
    const voices = server.voices.filter((voice) => voice.kind === kind);
    const options = voices.map((voice) => {
      const name = voice.name === voice.id ? voice.id : `${voice.name} · ${voice.id}`;
      const state = voice.state === "ready" ? "" : ` · ${t(`state.${voice.state}`)}`;
      return make("option", { value: voice.id, disabled: voice.state === "failed" }, `${name} (${voice.languages.join(", ")})${state}`);
    });
    return options.length > 0 ? make("optgroup", { label: t(`kind.${kind}`) }, ...options) : null;
  });
  const auto = make("option", { value: "auto" }, t("speak.auto"));
  $("voice").replaceChildren(auto, ...groups.filter(Boolean));
  $("voice").value = chosen;
  if ($("voice").selectedIndex < 0) $("voice").value = "auto";
}

export function setUp() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void speak();
  });
  $("stop").addEventListener("click", stop);
  $("again").addEventListener("click", playAgain);
  $("download").addEventListener("click", () => void download());
  $("text").addEventListener("input", edited);
  $("speed").addEventListener("input", edited);
  $("voice").addEventListener("change", () => kept.set("voice", $("voice").value));
  $("format").addEventListener("change", () => kept.set("format", $("format").value));
  $("format").value = kept.get("format") ?? "wav";
  if ($("format").selectedIndex < 0) $("format").value = "wav";
  $("example").addEventListener("click", () => {
    $("text").value = t("speak.example.text");
    edited();
    $("text").focus();
  });
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void speak();
    } else if (event.key === "Escape") stop();
  });
  onChange((what) => what === "voices" && listVoices());
  onLanguage(() => {
    listVoices();
    edited();
    show({});
    if (said) $("said").textContent = said();
  });
  edited();
  waveform.clear(USUAL_RATE);
}

