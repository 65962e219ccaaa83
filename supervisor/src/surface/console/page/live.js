// How the server is now: asked for every few seconds while somebody looks.

import { json } from "./api.js";
import { $, make } from "./dom.js";
import { ms, number, onLanguage, size, span, t } from "./language.js";
import { learn, server } from "./store.js";
import { refresh } from "./voices.js";

/** When something is going on, and when nothing is. */
const BUSY_MS = 1000;
const IDLE_MS = 3000;
/** Loads that are drawn, by device: a minute or more. */
const HISTORY = 60;
const SHOWN_REQUESTS = 12;

const history = new Map();
let timer = 0;
let condition = ["unknown", () => "…"];
let workersThen = "";

function tellCondition(state, words) {
  condition = [state, words];
  if ($("condition").dataset.state !== state) $("condition").dataset.state = state;
  if ($("condition-words").textContent !== words()) $("condition-words").textContent = words();
}

function judge(status) {
  const engines = Object.entries(status.engines).filter(([, engine]) => engine.enabled);
  const failed = engines.filter(([, engine]) => engine.failure).map(([name]) => name);
  const isUp = ([, engine]) => engine.workers.some((worker) => worker.state === "ready" || worker.state === "busy");
  if (failed.length > 0) tellCondition("failed", () => t("condition.failed", { engines: failed.join(", ") }));
  else if (engines.every(isUp)) tellCondition("ready", () => t("condition.ready"));
  else tellCondition("starting", () => t("condition.starting"));
}

/** The last loads as a line. */
function spark(loads) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${HISTORY - 1} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const offset = HISTORY - loads.length;
  line.setAttribute("points", loads.map((load, index) => `${offset + index},${(19 - Math.min(load, 1) * 18).toFixed(1)}`).join(" "));
  svg.append(line);
  return svg;
}

function tiles(status) {
  const tile = (name, value, more) => make("div", {}, make("dt", {}, name), make("dd", { className: "figure" }, value, more ?? null));
  const muted = (text) => make("span", { className: "muted small" }, ` ${text}`);
  // Workers that take no share of any device have no load to speak of.
  const devices = Object.entries(status.devices).filter(([device]) => device !== "none");
  const loads = devices.map(([device, { load }]) =>
    tile(t("live.load", { device }), `${number(load * 100)} %`, spark(history.get(device) ?? [load])),
  );
  const { interactive, batch } = status.queue;
  $("tiles").replaceChildren(
    tile(t("live.requests"), number(status.requests_in_flight), muted(`/ ${number(status.max_requests)}`)),
    tile(t("live.queue"), `${number(interactive)} + ${number(batch)}`, muted(`${t("live.live")} + ${t("live.batch")}`)),
    ...loads,
    tile(t("live.held"), size(status.audio_bytes)),
    tile(t("live.uptime"), span(status.uptime_s)),
  );
  $("version").textContent = status.version;
}

const badge = (state) => make("span", { className: "badge", "data-state": state }, t(`state.${state}`));

function workers(status) {
  const rows = Object.entries(status.engines).flatMap(([name, engine]) => {
    if (!engine.enabled) return [make("li", { className: "off" }, make("b", {}, name), badge("disabled"))];
    if (engine.workers.length === 0) {
      return [make("li", {}, make("b", {}, name), badge("failed"), make("p", { className: "problem" }, engine.failure ?? ""))];
    }
    return engine.workers.map((worker) => {
      const { progress } = worker;
      const facts = [
        worker.device,
        worker.rss_bytes ? t("live.memory", { size: size(worker.rss_bytes) }) : null,
        worker.device_memory_bytes ? t("live.device-memory", { size: size(worker.device_memory_bytes) }) : null,
        worker.restarts ? t("live.restarts", { count: number(worker.restarts) }) : null,
      ].filter(Boolean);
      const bar = progress ? make("progress", { max: 1, value: progress.fraction, "aria-label": progress.stage }) : null;
      const problem = worker.state === "failed" || worker.state === "backoff" ? worker.last_error : null;
      const state = worker.spare && worker.state === "ready" ? "spare" : worker.state;
      return make("li", {}, make("b", {}, worker.worker), badge(state), make("span", { className: "muted small figure" }, facts.join(" · ")), bar, problem ? make("p", { className: "problem" }, problem) : null);
    });
  });
  $("workers").replaceChildren(make("ul", { className: "list tight" }, ...rows));
}

function gpus(status) {
  const cards = Object.entries(status.gpus);
  $("gpu-part").hidden = cards.length === 0;
  $("gpus").replaceChildren(
    ...cards.map(([device, gpu]) => {
      const used = gpu.memory_used_bytes ?? 0;
      const total = gpu.memory_total_bytes ?? 0;
      const facts = [
        gpu.load === undefined ? null : `${number(gpu.load * 100)} %`,
        gpu.clock_mhz === undefined ? null : `${number(gpu.clock_mhz)} MHz`,
        gpu.temperature_c === undefined ? null : `${number(gpu.temperature_c)} °C`,
        gpu.power_w === undefined ? null : `${number(gpu.power_w)} W`,
        total ? `${size(used)} / ${size(total)}` : null,
      ];
      const bar = total ? make("progress", { max: total, value: used, "aria-label": t("live.device-memory", { size: size(used) }) }) : null;
      return make("div", { className: "gpu" }, make("b", {}, device), " ", make("span", { className: "muted" }, gpu.name ?? ""), make("p", { className: "small figure" }, facts.filter(Boolean).join(" · ")), bar);
    }),
  );
}

function requests(status) {
  const heads = [t("when"), t("surface"), t("voice"), t("figure.engine"), t("outcome"), t("figure.ttfa"), t("figure.rtf"), t("figure.audio"), t("figure.underrun")];
  $("recent").tHead.replaceChildren(make("tr", {}, ...heads.map((head, index) => make("th", { scope: "col", className: index > 4 ? "right" : "" }, head))));
  const known = (value, words) => (value === null ? "–" : words(value));
  const rows = status.recent.slice(0, SHOWN_REQUESTS).map((one) => {
    const figures = [
      known(one.ttfa_ms, ms),
      known(one.rtf, (rtf) => number(rtf, 3)),
      known(one.audio_ms, (audio) => `${number(audio / 1000, 1)} s`),
      known(one.underrun_ms, ms),
    ];
    return make("tr", { title: one.request_id },
      make("td", { className: "figure" }, t("ago", { time: span(one.ago_s) })),
      make("td", {}, one.surface),
      make("td", {}, one.voice || "–"),
      make("td", {}, one.engine === "none" ? "–" : one.engine),
      make("td", {}, make("span", { className: "badge", "data-outcome": one.outcome }, t(`outcome.${one.outcome}`)), one.cache === "hit" ? make("span", { className: "muted small" }, " cache") : null),
      ...figures.map((figure) => make("td", { className: "figure right" }, figure)));
  });
  const nothing = make("tr", {}, make("td", { colSpan: heads.length, className: "muted" }, t("live.nothing")));
  $("recent").tBodies[0].replaceChildren(...(rows.length > 0 ? rows : [nothing]));
}

function draw() {
  const { status } = server;
  if (!status) return;
  judge(status);
  tiles(status);
  workers(status);
  gpus(status);
  requests(status);
}

/** Voices come and go with their workers. */
function noticeWorkers(status) {
  const now = Object.entries(status.engines).map(([name, engine]) => `${name} ${engine.failure} ${engine.sample_rate} ${engine.workers.map((worker) => worker.pid)}`).join();
  if (now === workersThen) return;
  workersThen = now;
  void refresh();
}

export async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  let pause = IDLE_MS;
  try {
    const status = await json("api/status");
    for (const [device, { load }] of Object.entries(status.devices)) {
      history.set(device, [...(history.get(device) ?? []), load].slice(-HISTORY));
    }
    learn("status", status);
    noticeWorkers(status);
    draw();
    if (status.requests_in_flight > 0 || $("condition").dataset.state === "starting") pause = BUSY_MS;
  } catch (error) {
    if (error.code === "unauthorised") tellCondition("locked", () => t("condition.locked"));
    else if (error.code === "starting") tellCondition("starting", () => t("condition.setup"));
    else if (error.code === "unreachable") tellCondition("failed", () => t("condition.unreachable"));
    else tellCondition("failed", () => error.message);
  }
  clearTimeout(timer);
  timer = setTimeout(look, pause);
}

export function setUp() {
  document.addEventListener("visibilitychange", () => void look());
  onLanguage(() => {
    tellCondition(...condition);
    draw();
  });
  void look();
}
