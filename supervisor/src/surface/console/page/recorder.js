// The microphone, as a WAV file: browsers' own recorders make Opus, which an engine is not given.

import { pcm16, wav } from "./wav.js";

/** Nothing longer is taken in. */
export const LONGEST_S = 30;

/** Whether a browser would give the microphone to this page. */
export const isPossible = () => window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);

export class Recorder {
  #stream;
  #context;
  #pieces = [];
  #samples = 0;

  /** Records until `stop`, and tells `heard(seconds, peak)` of each moment. */
  static async start(heard) {
    const recorder = new Recorder();
    // What makes calls pleasant changes a voice.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    recorder.#stream = await navigator.mediaDevices.getUserMedia({ audio });
    try {
      const context = new AudioContext();
      recorder.#context = context;
      await context.audioWorklet.addModule(new URL("./recorder-worklet.js", import.meta.url));
      const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
      node.port.addEventListener("message", ({ data }) => {
        if (recorder.#samples >= LONGEST_S * context.sampleRate) return;
        recorder.#pieces.push(pcm16(data));
        recorder.#samples += data.length;
        heard(recorder.seconds, data.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
      });
      node.port.start();
      context.createMediaStreamSource(recorder.#stream).connect(node);
      await context.resume();
    } catch (error) {
      recorder.#release();
      throw error;
    }
    return recorder;
  }

  get seconds() {
    return this.#context ? this.#samples / this.#context.sampleRate : 0;
  }

  /** Lets the microphone go, and gives what it heard. */
  stop() {
    const file = wav(this.#pieces, this.#context.sampleRate);
    this.#release();
    return file;
  }

  #release() {
    for (const track of this.#stream.getTracks()) track.stop();
    void this.#context?.close();
  }
}
