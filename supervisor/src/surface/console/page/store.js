// What is known of the server, in one place: the parts of the page look here and are told when it changes.

const known = { status: null, voices: [] };
const listeners = new Set();

export const server = known;

/** Calls `look` whenever something is known anew, and with it the name of what. */
export function onChange(look) {
  listeners.add(look);
}

export function learn(name, value) {
  known[name] = value;
  for (const look of listeners) look(name);
}
