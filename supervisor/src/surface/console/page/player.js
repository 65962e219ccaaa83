// Plays samples as they come.
//
// Each piece is a buffer of its own, started at the very frame at which the one before it ends, in a context that runs
// at the rate of the samples: so nothing has to be resampled at the seams, what the page does meanwhile cannot be heard,
// and it works on pages without HTTPS too, where browsers give no AudioWorklet.

/** Between the first piece and its sound: what a browser needs to start. */
const LEAD_S = 0.03;
const FADE_S = 0.02;

export class Player {
  #context = null;
  #out = null;
  #sources = new Set();
  #next = 0;
  #played = 0;
  #origin = 0;
  #isComplete = false;
  #onEnd = () => {};

  /** Longest silence for want of samples, in seconds, and all of it. */
  worstGap = 0;
  gaps = 0;

  /** Begins, in the hand of whoever pressed a button: else browsers keep silent. */
  begin(rate, onEnd) {
    this.stop();
    if (this.#context?.sampleRate !== rate) {
      void this.#context?.close();
      this.#context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    }
    void this.#context.resume();
    this.#out = this.#context.createGain();
    this.#out.connect(this.#context.destination);
    this.#next = 0;
    this.#played = 0;
    this.#isComplete = false;
    this.worstGap = 0;
    this.gaps = 0;
    this.#onEnd = onEnd;
  }

  /** Plays these samples behind those that came before. */
  push(samples) {
    const context = this.#context;
    if (!context || !this.#out || samples.length === 0) return;
    const now = context.currentTime;
    if (this.#next === 0) {
      this.#next = this.#frame(now + LEAD_S);
      this.#origin = this.#next;
    } else if (now > this.#next) {
      const gap = now - this.#next;
      this.worstGap = Math.max(this.worstGap, gap);
      this.gaps += gap;
      const resumed = this.#frame(now + LEAD_S);
      this.#origin += resumed - this.#next;
      this.#next = resumed;
    }
    const buffer = context.createBuffer(1, samples.length, context.sampleRate);
    const channel = buffer.getChannelData(0);
    for (let at = 0; at < samples.length; at += 1) channel[at] = samples[at] / 32768;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#out);
    source.addEventListener("ended", () => this.#ended(source));
    this.#sources.add(source);
    source.start(this.#next);
    this.#played += samples.length;
    this.#next = this.#origin + this.#played / context.sampleRate;
  }

  /** No more will come. */
  complete() {
    this.#isComplete = true;
    if (this.#sources.size === 0) this.#finish();
  }

  /** Silence, at once but without a click. */
  stop() {
    this.#onEnd = () => {};
    const context = this.#context;
    if (context && this.#out) {
      const now = context.currentTime;
      this.#out.gain.setTargetAtTime(0, now, FADE_S / 4);
      for (const source of this.#sources) source.stop(now + FADE_S);
    }
    this.#sources.clear();
    this.#out = null;
  }

  /** Seconds of the samples that were heard. */
  get position() {
    const context = this.#context;
    if (!context || this.#next === 0) return 0;
    return Math.max(0, Math.min(context.currentTime - this.#origin, this.#played / context.sampleRate));
  }

  #frame(time) {
    return Math.ceil(time * this.#context.sampleRate) / this.#context.sampleRate;
  }

  #ended(source) {
    if (this.#sources.delete(source) && this.#sources.size === 0 && this.#isComplete) this.#finish();
  }

  #finish() {
    const told = this.#onEnd;
    this.#onEnd = () => {};
    told();
  }
}

/** The one that is to be heard: whoever begins to play ends what played before. */
let current = null;
export function takeTurn(stop) {
  if (current && current !== stop) current();
  current = stop;
}
