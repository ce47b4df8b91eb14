"""Byte-pair vocabularies learned from captions, and the tokens that transformers' CLIPTokenizer gives with them."""

import json
import shutil
from collections import Counter

import transformers

from fixture import FOLDER, Fixture
from tokenizer import TEXTS, byte_symbols, ids, stable_diffusion, vocabulary

CAPTIONS = [
    "a small red square left of a large blue disc", "a large blue disc left of a small red square", "a green triangle", "an orange cross",
    "A Photo of a Cat", "a photo of a dog", "a photo of two dogs, 2 cats and 12 birds", "don't; it's they'll I'd", "the theory of the thaw",
    "aaaa aaaaa aaaaaaa baaa", "abcabcabc abcab bcabc", "café naïve façade", "cafe\u0301s", "日本語のテキスト 日本", "🙂🙂🙂 !!! ?!?!",
    "mississippi misses missiles", "banana bandana anna nana", "  spaced   out\ttext\n", "",
]


def learn(texts: list[str], tokenizer, size: int) -> list[str]:
    """By counting everything anew for each merge: the most frequent pair, of equals that of the lowest numbers."""
    backend = tokenizer.backend_tokenizer
    words = Counter()
    for text in texts:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text)):
            words[(*word[:-1], word[-1] + "</w>")] += 1
    numbers = {token: number for number, token in enumerate(vocabulary(byte_symbols(), [])) if number < 512}
    merges = []
    while len(numbers) < size - 2:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        pairs = {pair: count for pair, count in pairs.items() if count >= 2}
        if not pairs:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], numbers[pair[0]], numbers[pair[1]]))
        merges.append(f"{left} {right}")
        assert left + right not in numbers
        numbers[left + right] = len(numbers)
        joined = Counter()
        for word, count in words.items():
            parts, at = [], 0
            while at < len(word):
                pair = word[at:at + 2] == (left, right)
                parts.append(left + right if pair else word[at])
                at += 2 if pair else 1
            joined[tuple(parts)] += count
        words = joined
    return merges


def make():
    fixture = Fixture("vocabulary", f"""Merges learned from captions, by a naive algorithm on the words of CLIPTokenizer of transformers
        {transformers.__version__}, and the ids that this gives with them. size_*: the number of tokens that was asked for.""")
    scratch = FOLDER / "Tokenizers" / "scratch"
    symbols = byte_symbols()
    captions = CAPTIONS * 2 + TEXTS
    empty = stable_diffusion(scratch, vocabulary(symbols, []), [], "<|endoftext|>")
    fixture.case("texts", captions=captions, texts=TEXTS + CAPTIONS)
    for size in (514, 515, 600, 5000):
        merges = learn(captions, empty, size)
        vocab = vocabulary(symbols, merges)
        tokenizer = stable_diffusion(scratch, vocab, merges, "<|endoftext|>", length=32)
        fixture.case(f"size_{size}", size=size, tokens=len(tokenizer), merges=merges, ids=[ids(tokenizer, text) for text in TEXTS + CAPTIONS])
    shutil.rmtree(scratch)
    fixture.write()
