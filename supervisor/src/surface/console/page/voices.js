// The voices that there are: heard, chosen, and removed if they were sent to this server.

import { call, json } from "./api.js";
import { $, kept, make } from "./dom.js";
import { explain, onLanguage, t } from "./language.js";
import { takeTurn } from "./player.js";
import { learn, onChange, server } from "./store.js";

/** From so many on it is worth searching. */
const MANY = 8;
const ANEW_MS = 1500;

let context = null;
let playing = null;
let timer = 0;
let listed = "";

export function tell(text, isProblem = false) {
  $("voices-said").textContent = text;
  $("voices-said").classList.toggle("problem", isProblem);
}

/** Asks for the list; again and again while one of them is being prepared. */
export async function refresh() {
  clearTimeout(timer);
  try {
    const { voices } = await json("api/voices");
    const before = server.voices;
    // A list that is the same is left alone, with whoever is in it by keyboard.
    const text = JSON.stringify(voices);
    if (text !== listed) learn("voices", voices);
    listed = text;
    for (const voice of voices) {
      const was = before.find((one) => one.id === voice.id);
      if (was?.state !== "preparing" || !voice.uploaded) continue;
      if (voice.state === "ready") tell(t("voices.ready", { id: voice.id }));
      if (voice.state === "failed") tell(t("voices.failed", { id: voice.id, reason: voice.reason }), true);
    }
    if (voices.some((voice) => voice.state === "preparing")) timer = setTimeout(refresh, ANEW_MS);
  } catch {
    // The line at the top of the page tells what is the matter.
  }
}

function silence() {
  playing?.abort.abort();
  playing?.source?.stop();
  playing?.button.removeAttribute("aria-pressed");
  playing = null;
}

/** Plays a voice's own sentence, or ends it. */
async function preview(voice, button) {
  const wasThis = playing?.button === button;
  silence();
  if (wasThis) return;
  takeTurn(silence);
  context ??= new AudioContext();
  void context.resume();
  const mine = { abort: new AbortController(), button, source: null };
  playing = mine;
  button.setAttribute("aria-pressed", "true");
  try {
    const response = await call(`api/voices/${encodeURIComponent(voice.id)}/preview`, { signal: mine.abort.signal });
    const sound = await context.decodeAudioData(await response.arrayBuffer());
    if (playing !== mine) return;
    mine.source = context.createBufferSource();
    mine.source.buffer = sound;
    mine.source.connect(context.destination);
    mine.source.addEventListener("ended", () => playing === mine && silence());
    mine.source.start();
  } catch (error) {
    if (playing !== mine) return;
    silence();
    tell(explain(error), true);
  }
}

async function remove(voice) {
  const dialog = $("sure");
  $("sure-question").textContent = t("voices.sure", { name: voice.name });
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  try {
    await call(`api/voices/${encodeURIComponent(voice.id)}`, { method: "DELETE" });
    tell(t("voices.removed", { id: voice.id }));
  } catch (error) {
    tell(explain(error), true);
  }
  await refresh();
}

function use(voice) {
  $("voice").value = voice.id;
  kept.set("voice", voice.id);
  $("text").focus();
}

function row(voice) {
  const facts = [voice.languages.join(", "), [...new Set(Object.values(voice.engines))].join(", "), ...voice.tags];
  const state = voice.state === "ready" ? null : make("span", { className: "badge", "data-state": voice.state, title: voice.reason ?? "" }, t(`state.${voice.state}`));
  const hear = make("button", { type: "button", className: "round play", "aria-label": t("voices.preview", { name: voice.name }), disabled: voice.state === "failed", onclick: () => void preview(voice, hear) });
  const name = make("button", { type: "button", className: "name", title: t("voices.use", { name: voice.name }), disabled: voice.state === "failed", onclick: () => use(voice) }, voice.name);
  const gone = voice.uploaded
    ? make("button", { type: "button", className: "round remove", "aria-label": t("voices.remove.one", { name: voice.name }), onclick: () => void remove(voice) })
    : null;
  const problem = voice.state === "failed" && voice.uploaded ? make("p", { className: "problem" }, voice.reason ?? "") : null;
  return make("li", { "data-voice": voice.id }, hear, make("div", { className: "who" }, name, " ", state, make("p", { className: "muted small" }, facts.filter(Boolean).join(" · ")), problem), gone);
}

function list() {
  const wanted = $("filter").value.trim().toLowerCase();
  $("filter").hidden = server.voices.length < MANY;
  const found = server.voices.filter((voice) => {
    const words = [voice.id, voice.name, ...voice.languages, ...voice.tags, ...Object.values(voice.engines)];
    return words.some((word) => word.toLowerCase().includes(wanted));
  });
  // A list that is made anew takes the focus along.
  const focused = document.activeElement?.closest("[data-voice]")?.dataset.voice;
  const which = document.activeElement?.className;
  if (playing && !playing.source) silence();
  $("voice-list").replaceChildren(...(found.length > 0 ? found.map(row) : [make("li", { className: "muted" }, t("voices.empty"))]));
  if (focused) {
    const item = [...$("voice-list").children].find((one) => one.dataset.voice === focused);
    [...(item?.querySelectorAll("button") ?? [])].find((one) => one.className === which)?.focus();
  }
}

export function setUp() {
  $("filter").addEventListener("input", list);
  onChange((what) => what === "voices" && list());
  onLanguage(list);
}
