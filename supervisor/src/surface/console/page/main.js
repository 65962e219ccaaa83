// Puts the page together: its parts, and the switches at its top.

import { key, whenKeyIsMissing } from "./api.js";
import { $, kept } from "./dom.js";
import { current, onLanguage, setLanguage, t, translate } from "./language.js";
import * as live from "./live.js";
import * as newVoice from "./new-voice.js";
import * as speak from "./speak.js";
import * as voices from "./voices.js";

const THEMES = ["auto", "light", "dark"];
let theme = THEMES.includes(kept.get("theme")) ? kept.get("theme") : "auto";

function showTheme() {
  document.documentElement.dataset.theme = theme;
  $("theme").textContent = t(`theme.${theme}`);
  document.dispatchEvent(new Event("themechange"));
}

function showLanguage() {
  const other = current() === "zh" ? ["English", "en"] : ["中文", "zh-CN"];
  [$("language").textContent, $("language").lang] = other;
  $("theme").textContent = t(`theme.${theme}`);
}

/** Asks for the key; `wasWrong` if the one that was shown is not known. */
function askForKey(wasWrong) {
  const dialog = $("key-dialog");
  if (dialog.open) return;
  $("key").value = "";
  $("key-error").textContent = wasWrong ? t("key.wrong") : "";
  $("key-forget").hidden = !key.get();
  dialog.returnValue = "";
  dialog.showModal();
  $("key").focus();
}

/** Whoever waved the question away is not asked again by what happens by itself. */
let wasWavedAway = false;

$("key-form").addEventListener("submit", () => {
  key.set($("key").value.trim());
  void live.look();
  void voices.refresh();
});
$("key-forget").addEventListener("click", () => {
  key.set("");
  $("key-dialog").close();
  void live.look();
});
$("key-cancel").addEventListener("click", () => $("key-dialog").close());
$("key-dialog").addEventListener("close", () => (wasWavedAway = $("key-dialog").returnValue !== "use"));
$("key-button").addEventListener("click", () => askForKey(false));
whenKeyIsMissing((wasWrong) => !wasWavedAway && askForKey(wasWrong));

$("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  kept.set("theme", theme);
  showTheme();
});
$("language").addEventListener("click", () => setLanguage(current() === "zh" ? "en" : "zh"));
onLanguage(showLanguage);

translate();
showTheme();
showLanguage();
speak.setUp();
voices.setUp();
newVoice.setUp();
live.setUp();
