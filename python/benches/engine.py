"""What an engine gives, measured through its worker, in an environment that has the engine's packages.

    python benches/engine.py piper [--threads N]

Prints the time to get ready, the time to the first audio of a sentence, the real-time factor of a text of
about ten seconds (medians of several runs), the memory, and how even its loudness is over eight sentences.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from client import Client
from ishowtts_worker import audio
from ishowtts_worker.protocol import Ping, Pong, encode

SENTENCES = {
    "en": (
        "Hello, and welcome to the evening programme.",
        "The quick brown fox jumps over the lazy dog.",
        "She sells sea shells by the sea shore, but only in summer.",
        "How much wood would a woodchuck chuck?",
        "Please remember to bring your passport and two photographs.",
        "No, that is not what I meant at all!",
        "Light travels at about three hundred thousand kilometres a second.",
        "We walked along the river until it was dark, and then we went home.",
    ),
    "ja": (
        "皆さん、こんばんは。",
        "素早い茶色の狐が、のろまな犬を飛び越えます。",
        "春が来て、公園の花が一斉に咲きました。",
        "この方法についてどう思いますか？",
        "パスポートと写真を二枚、忘れずに持って来てください。",
        "いいえ、そんなつもりではありません！",
        "光は一秒におよそ三十万キロメートル進みます。",
        "私たちは日が暮れるまで川沿いを歩き、それから家に帰りました。",
    ),
    "zh": (
        "大家好，欢迎收听今天的节目。",
        "敏捷的棕色狐狸跳过了懒狗。",
        "春天来了，公园里的花都开了。",
        "你觉得这个办法怎么样？",
        "请记得带上护照和两张照片。",
        "不，我根本不是这个意思！",
        "光的速度大约是每秒三十万公里。",
        "我们沿着河边一直走到天黑，然后才回家。",
    ),
}
RUNS = 7


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()

    begin = time.perf_counter()
    client = Client(arguments.engine, threads=arguments.threads)
    ready, elapsed = client.ready, time.perf_counter() - begin
    print(f"ready after {elapsed:.2f} s, {ready.memory.rss_bytes / 1e6:.0f} MB; {ready.warmup}")
    sentences = SENTENCES[ready.languages[0]]
    number = 0
    first, factors = [], []
    long = " ".join(sentences[4:])
    for _ in range(RUNS):
        _, done = client.say(number := number + 1, sentences[1])
        first.append(done.timings.first_chunk_ms)
        _, done = client.say(number := number + 1, long)
        factors.append(done.timings.total_ms / 1000 / (done.samples / ready.sample_rate))
    length = done.samples / ready.sample_rate
    print(f"first audio of one sentence: median {statistics.median(first):.0f} ms (best {min(first):.0f})")
    print(f"RTF of {length:.1f} s: median {statistics.median(factors):.3f} (best {min(factors):.3f})")
    levels = []
    for sentence in sentences:
        pcm, _ = client.say(number := number + 1, sentence)
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        levels.append(audio.active_level_db(samples, ready.sample_rate))
    spread = f"from {min(levels):.1f} to {max(levels):.1f}, deviation {statistics.pstdev(levels):.2f}"
    print(f"loudness of {len(levels)} sentences: mean {statistics.fmean(levels):.2f} dB, {spread}")
    client.socket.sendall(encode(Ping(1)))
    pong = client.receive()
    assert isinstance(pong, Pong)
    print(f"{pong.rss_bytes / 1e6:.0f} MB after that")
    client.close()


if __name__ == "__main__":
    main()
