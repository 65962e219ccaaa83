// Requests to the server, with the key where there is one, and errors as the server words them.

const KEY = "ishowtts-key";

/** An error that the server told, or that kept it from telling anything. */
export class ApiError extends Error {
  constructor(status, code, message, param, retryMs) {
    super(message);
    Object.assign(this, { status, code, param, retryMs });
  }
}

let forMissingKey = () => {};

/** `ask(wasWrong)` is called whenever the server wants a key. */
export function whenKeyIsMissing(ask) {
  forMissingKey = ask;
}

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

/** Asks; the path is relative to the page, so that the server may stand behind a folder of another. */
export async function call(path, options = {}) {
  const headers = new Headers(options.headers);
  const shown = key.get();
  if (shown) headers.set("Authorization", `Bearer ${shown}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", error.message);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  const { code = `http_${response.status}`, message = response.statusText, param = null } = told.error ?? {};
  const retryMs = Number(response.headers.get("retry-after-ms") ?? 0) || Number(response.headers.get("retry-after") ?? 0) * 1000;
  if (response.status === 401) forMissingKey(Boolean(shown));
  throw new ApiError(response.status, code, message, param, retryMs);
}

export async function json(path, options) {
  return (await call(path, options)).json();
}
