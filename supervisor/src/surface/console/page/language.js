// Which language the page is in, and numbers as people write them there.

import { kept } from "./dom.js";
import { words } from "./words.js";

const listeners = new Set();
let language = kept.get("language") ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!(language in words)) language = "en";

export const current = () => language;

/** A text by its name. */
export function t(name, values = {}) {
  const text = words[language][name] ?? words.en[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

export const has = (name) => name in words[language];

/** Called whenever the language is another one. */
export function onLanguage(look) {
  listeners.add(look);
}

export function setLanguage(next) {
  language = next;
  kept.set("language", next);
  translate();
  for (const look of listeners) look();
}

/** Puts the words into the parts of the page that stand in its HTML. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.placeholder = t(element.dataset.tPlaceholder);
}

/** Always with so many digits behind the point, or with as many as `least` if they are zeros. */
export function number(value, digits = 0, least = digits) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: least }).format(value);
}

const unit = (value, name, digits) =>
  new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits }).format(value);

export const ms = (value) => `${number(value, value < 10 ? 1 : 0, 0)} ms`;

export function size(bytes) {
  if (bytes === 0) return number(0);
  if (bytes < 1 << 20) return `${number(bytes / 1024)} KiB`;
  return bytes < 2 ** 30 ? `${number(bytes / (1 << 20))} MiB` : `${number(bytes / 2 ** 30, 1)} GiB`;
}

export function span(seconds) {
  if (seconds < 60) return unit(Math.floor(seconds), "second", 0);
  if (seconds < 3600) return unit(Math.floor(seconds / 60), "minute", 0);
  return seconds < 86_400 ? unit(Math.floor(seconds / 3600), "hour", 0) : unit(Math.floor(seconds / 86_400), "day", 0);
}

/** An error, for people: in their language where we have it, else as the server said it. */
export function explain(error) {
  const own = `error.${error.code}`;
  const message = has(own) ? t(own) : error.message;
  return error.retryMs ? t("error.retry", { message, seconds: Math.max(1, Math.ceil(error.retryMs / 1000)) }) : message;
}
