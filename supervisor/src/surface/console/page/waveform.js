// Draws what was received, and how far of it was heard.

/** Loudest sample of each so many are a bar; several bars become one when there is no room. */
const BARS_A_SECOND = 25;
const BAR = 3;
const GAP = 2;

export class Waveform {
  #canvas;
  #peaks = [];
  #peak = 0;
  #left = 0;
  #bar = 960;
  #rate = 24_000;
  #heard = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.draw(this.#heard)).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(this.#heard));
    document.addEventListener("themechange", () => this.draw(this.#heard));
  }

  clear(rate) {
    this.#rate = rate;
    this.#bar = Math.round(rate / BARS_A_SECOND);
    this.#peaks = [];
    this.#peak = 0;
    this.#left = this.#bar;
    this.draw(0);
  }

  add(samples) {
    for (const sample of samples) {
      const level = Math.abs(sample);
      if (level > this.#peak) this.#peak = level;
      this.#left -= 1;
      if (this.#left === 0) {
        this.#peaks.push(this.#peak / 32768);
        this.#peak = 0;
        this.#left = this.#bar;
      }
    }
  }

  /** `heard` in seconds. */
  draw(heard) {
    this.#heard = heard;
    const canvas = this.#canvas;
    const scale = devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const room = Math.max(1, Math.floor((width + GAP) / (BAR + GAP)));
    const merged = Math.max(1, Math.ceil(this.#peaks.length / room));
    const heardBars = (heard * this.#rate) / this.#bar / merged;
    const [played, coming, rest] = [style.color, style.borderTopColor, style.outlineColor];
    for (let index = 0; index < room; index += 1) {
      const peaks = this.#peaks.slice(index * merged, (index + 1) * merged);
      const level = peaks.length > 0 ? Math.max(...peaks) : 0;
      // Speech is mostly quiet: its root shows more of it than its height.
      const tall = peaks.length > 0 ? Math.max(BAR, Math.sqrt(level) * (height - 4)) : BAR;
      context.fillStyle = peaks.length === 0 ? rest : index < heardBars ? played : coming;
      context.beginPath();
      context.roundRect(index * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
      context.fill();
    }
  }
}
