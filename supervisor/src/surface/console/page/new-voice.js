// The form that sends a recording to become a voice.

import { json } from "./api.js";
import { $, make } from "./dom.js";
import { explain, number, onLanguage, size, t } from "./language.js";
import { isPossible, LONGEST_S, Recorder } from "./recorder.js";
import { onChange, server } from "./store.js";
import { refresh, tell } from "./voices.js";

const FIELDS = ["name", "id", "language", "engine", "transcript", "tags"];

let audio = null;
let chosen = () => "";
let recorder = null;
/** Whether the id follows the name. */
let follows = true;

const engines = () => Object.entries(server.status?.engines ?? {}).filter(([, engine]) => engine.enabled && engine.cloning);

function problem(field, message) {
  const shown = $(`${field}-error`);
  if (shown) shown.textContent = message;
  const input = field === "audio" ? $("audio") : $(`v-${field}`);
  if (message) input?.setAttribute("aria-invalid", "true");
  else input?.removeAttribute("aria-invalid");
  return input;
}

function noProblems() {
  for (const field of [...FIELDS, "audio"]) problem(field, "");
}

function take(blob, name, words) {
  audio = blob && new File([blob], name, { type: blob.type });
  chosen = words;
  $("chosen").textContent = words();
  problem("audio", "");
}

async function record() {
  if (recorder) {
    finish();
    return;
  }
  problem("audio", "");
  try {
    recorder = await Recorder.start((seconds, peak) => {
      if (!recorder) return;
      $("level").value = Math.max(peak, $("level").value * 0.9);
      $("chosen").textContent = `${number(seconds, 1)} s`;
      if (seconds >= LONGEST_S) finish();
    });
  } catch (error) {
    problem("audio", t("voices.denied", { message: error.message }));
    return;
  }
  $("level").hidden = false;
  $("record").textContent = t("voices.record.stop");
  $("record").setAttribute("aria-pressed", "true");
}

function finish() {
  if (!recorder) return;
  const { seconds } = recorder;
  const file = recorder.stop();
  recorder = null;
  $("level").hidden = true;
  $("record").textContent = t("voices.record");
  $("record").removeAttribute("aria-pressed");
  take(file, "recording.wav", () => t("voices.recorded", { seconds: number(seconds, 1) }));
}

/** A name as an id: letters and digits, whatever else there is left out. */
const idOf = (name) =>
  name.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);

async function send(event) {
  event.preventDefault();
  finish();
  noProblems();
  if (!audio) {
    problem("audio", t("voices.needed"));
    $("record").focus();
    return;
  }
  const body = new FormData();
  for (const field of FIELDS) {
    const value = $(`v-${field}`).value.trim();
    if (value) body.append(field, value);
  }
  body.append("audio", audio);
  $("send-voice").disabled = true;
  tell(t("voices.sending"));
  try {
    const voice = await json("api/voices", { method: "POST", body });
    close();
    tell(t("voices.taken", { id: voice.id }));
    await refresh();
  } catch (error) {
    const message = explain(error);
    // What has no field of its own here is told below the form.
    const input = error.param ? problem(error.param, message) : null;
    tell(input ? "" : message, !input);
    input?.focus();
  } finally {
    $("send-voice").disabled = false;
  }
}

function close() {
  if (recorder) finish();
  audio = null;
  follows = true;
  chosen = () => "";
  $("voice-form").reset();
  $("voice-form").hidden = true;
  $("chosen").textContent = "";
  noProblems();
  $("add-voice").setAttribute("aria-expanded", "false");
  $("add-voice").focus();
}

function toggle() {
  if (!$("voice-form").hidden) {
    close();
    return;
  }
  look();
  $("voice-form").hidden = false;
  $("add-voice").setAttribute("aria-expanded", "true");
  $(isPossible() ? "record" : "audio").focus();
}

/** What can be had, and what the chosen engine asks for. */
function look() {
  const able = engines();
  const select = $("v-engine");
  const names = able.map(([name]) => name);
  if ([...select.options].map((option) => option.value).join() !== names.join()) {
    select.replaceChildren(...names.map((name) => make("option", {}, name)));
  }
  const asked = able.find(([name]) => name === select.value)?.[1].cloning;
  $("voice-hint").textContent = asked
    ? t("voices.hint", { shortest: number(asked.shortest_s), longest: number(asked.longest_s) })
    : t("voices.none");
  $("voice-form").classList.toggle("barren", !asked);
  const label = asked && !asked.needs_transcript ? "voices.transcript.optional" : "voices.transcript";
  document.querySelector("label[for=v-transcript]").textContent = t(label);
  $("record").disabled = !isPossible();
  $("mic-hint").textContent = isPossible() ? "" : t("voices.insecure");
}

export function setUp() {
  $("add-voice").addEventListener("click", toggle);
  $("cancel-voice").addEventListener("click", close);
  $("voice-form").addEventListener("submit", (event) => void send(event));
  $("record").addEventListener("click", () => void record());
  $("audio").addEventListener("change", () => {
    const [file] = $("audio").files;
    if (file) take(file, file.name, () => t("voices.chosen", { name: file.name, size: size(file.size) }));
  });
  $("v-name").addEventListener("input", () => {
    if (follows) $("v-id").value = idOf($("v-name").value);
  });
  $("v-id").addEventListener("input", () => (follows = false));
  $("v-engine").addEventListener("change", look);
  onChange((what) => what === "status" && !$("voice-form").hidden && look());
  onLanguage(() => {
    look();
    $("chosen").textContent = chosen();
    if (recorder) $("record").textContent = t("voices.record.stop");
  });
}
