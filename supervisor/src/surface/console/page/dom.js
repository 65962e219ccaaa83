// Small helpers over the document. Text is only ever set as text.

export const $ = (id) => document.getElementById(id);

/** Makes an element: properties, then children, which are elements or text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") || name.startsWith("data-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Saves bytes as a file of this name. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What was kept for this browser; private windows may refuse to keep anything. */
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(`ishowtts-${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`ishowtts-${name}`, value);
    } catch {
      // It is only a convenience.
    }
  },
};
