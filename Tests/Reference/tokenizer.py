"""CLIP's tokenizer as transformers has it, and the tables that ours is made of.

`python tokenizer.py bpe_simple_vocab_16e6.txt.gz` makes Sources/CTextTables again; that file is in the package open-clip-torch.
"""

import gzip
import hashlib
import json
import shutil
import sys
import unicodedata
from pathlib import Path

import tokenizers
import transformers
from diffusers.loaders import TextualInversionLoaderMixin
from tokenizers import normalizers
from transformers import AddedToken, CLIPTokenizer

from fixture import FOLDER, Fixture

TABLES = FOLDER.parent.parent / "Sources" / "CTextTables"
BEGINNING, END = "<|startoftext|>", "<|endoftext|>"


# MARK: Vocabulary


def byte_symbols() -> list[str]:
    """In the order of the vocabulary: printable bytes as themselves, then the others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(256 - len(printable))]


def vocabulary(symbols: list[str], merges: list[str]) -> dict[str, int]:
    tokens = symbols + [symbol + "</w>" for symbol in symbols] + [merge.replace(" ", "") for merge in merges] + [BEGINNING, END]
    return {token: number for number, token in enumerate(tokens)}


def merges_of_clip() -> list[str]:
    return (TABLES / "clip_merges.txt").read_text().splitlines()


def token(content: str, normalized: bool = True) -> dict:
    return dict(content=content, lstrip=False, normalized=normalized, rstrip=False, single_word=False)


def write(directory: Path, vocab: dict[str, int], merges: list[str], config: dict, special: dict | None = None,
          added: dict | None = None) -> CLIPTokenizer:
    """A directory as transformers 4 and diffusers wrote them, and what transformers reads there."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    (directory / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (directory / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    for name, content in (("tokenizer_config", config), ("special_tokens_map", special), ("added_tokens", added)):
        if content is not None:
            (directory / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    return CLIPTokenizer.from_pretrained(directory)


def stable_diffusion(directory: Path, vocab: dict[str, int], merges: list[str], pad: str, length: float = 77) -> CLIPTokenizer:
    named = dict(bos_token=token(BEGINNING), eos_token=token(END), unk_token=token(END))
    config = {key: {"__type": "AddedToken"} | value for key, value in named.items()}
    config |= dict(pad_token=END, model_max_length=length, tokenizer_class="CLIPTokenizer", do_lower_case=True, errors="replace")
    return write(directory, vocab, merges, config, named | dict(pad_token=pad))


def with_decoder(directory: Path, vocab: dict[str, int], merges: list[str], pad: str, length: float = 77) -> CLIPTokenizer:
    """As the second tokenizer of Stable Diffusion XL was saved. The map is overridden."""
    decoder = {vocab[BEGINNING]: token(BEGINNING) | dict(special=True), vocab[END]: token(END) | dict(special=True),
               vocab[pad]: token(pad, normalized=False) | dict(special=True),
               len(vocab): token("<toy>") | dict(special=False), len(vocab) + 1: token("Sketch", normalized=False) | dict(special=False)}
    config = dict(added_tokens_decoder={str(number): decoder[number] for number in sorted(decoder)}, bos_token=BEGINNING, eos_token=END,
                  unk_token=END, pad_token=pad, model_max_length=length, tokenizer_class="CLIPTokenizer")
    return write(directory, vocab, merges, config, dict(pad_token=BEGINNING, eos_token=BEGINNING))


# MARK: Texts

TEXTS = [
    "a photo of a cat", "A PHOTO of a CaT", "", " ", "  two   spaces  ", "don't I'LL we've she's they'd I'm can't you're 'tis", "rock'n'roll",
    "1girl, 2024, 3.14, 100%", "½ ٣ Ⅳ ² ③", "café naïve façade", "cafe\u0301 nai\u0308ve", "Straße ẞ ﬁne ﬀ", "ΣΊΣΥΦΟΣ ΟΔΟΣ", "İstanbul ISPARTA ı",
    "日本語のテキスト", "한국어 텍스트", "\u1112\u1161\u11ab\u1100\u1173\u11af", "नमस्ते दुनिया", "สวัสดี", "👩‍👩‍👧‍👦 🇩🇪 ☀️", "a\u200bb\ufeffc\u200dd",
    "nul\0bel\x07del\x7f", "a\x1cb\x85c\x0bd\u00a0e\u2028f\u3000g", "“curly” ‘quotes’ — dash…", "&amp; &lt;b&gt; &#39;",
    f"x{END}y {BEGINNING}z", f"{END.upper()} <|StartOfText|>", "hi!there", "wow!!", "a! !b !!! ?!", "x" * 300, "supercalifragilistic" * 20,
    "(masterpiece:1.2), [bad], \\(x\\)", "ｆｕｌｌ　ｗｉｄｔｈ", "\u212b \u2126 \u1e9b\u0323", "<toy> <TOY>s and Sketch sketch", "^_^ ¯\\_(ツ)_/¯ -_- >_<",
    "e\u0323\u0301\u0302 \u0f73\u0f71\u0f80 \u0cca\u0cd5", "\U0001d4b6\U0001d56c \U00011938 \U00011935\U00011930", "日 本",
    "word " * 100, "!" * 90,
]

WORDS = ["the", "Photo", "don't", "I'LL", "ÅNGSTRÖM", "Straße", "ΣΊΣΥΦΟΣ", "İ", END, BEGINNING.upper(), "!!", "  ", "'s", "'re", "ﬁ", "9"]
SPACES = "\t\n\v\f\r\x1c\x1f \x85\xa0\u1680\u2003\u200b\u2028\u202f\u205f\u3000\ufeff\0\x7f"
RANGES = [(0xA0, 0x250), (0x250, 0x300), (0x300, 0x370), (0x370, 0xD800), (0x590, 0x700), (0x900, 0xE00), (0xF00, 0x1000), (0x1100, 0x1200),
          (0x1AB0, 0x1E00), (0x1E00, 0x2100), (0xA8E0, 0xAC00), (0xAC00, 0xD7A4), (0x10000, 0x20000), (0xE000, 0x110000)]


class SplitMix64:
    def __init__(self, seed: int):
        self.state = seed

    def below(self, count: int) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return (z ^ (z >> 31)) % count


def generated(seed: int) -> str:
    """A text of up to 24 pieces, by a rule that the reader of the fixture follows too."""
    random = SplitMix64(seed)
    pieces = []
    for _ in range(1 + random.below(24)):
        kind = random.below(8)
        if kind < 3:
            pieces.append(chr(0x20 + random.below(0x5F)))
        elif kind == 3:
            pieces.append(WORDS[random.below(len(WORDS))])
        elif kind == 4:
            pieces.append(SPACES[random.below(len(SPACES))])
        else:
            first, end = RANGES[random.below(len(RANGES))]
            pieces.append(chr(first + random.below(end - first)))
    return "".join(pieces)


def digest(sequences: list[list[int]]) -> str:
    """Of the numbers in decimal digits, a space behind each and a line feed behind each sequence."""
    text = "".join("".join(f"{number} " for number in sequence) + "\n" for sequence in sequences)
    return hashlib.sha256(text.encode()).hexdigest()


# MARK: Fixtures


def ids(tokenizer: CLIPTokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False).input_ids


def case(fixture: Fixture, name: str, tokenizer: CLIPTokenizer, length: int, **options):
    framed = [tokenizer(text, padding="max_length", truncation=True, max_length=length).input_ids for text in TEXTS]
    fixture.case(name, ids=[ids(tokenizer, text) for text in TEXTS], framed=digest(framed), length=length, size=len(tokenizer),
                 beginning=tokenizer.bos_token_id, end=tokenizer.eos_token_id, padding=tokenizer.pad_token_id,
                 maximum_length=tokenizer.model_max_length if tokenizer.model_max_length < 1e6 else None, **options)


def make():
    fixture = Fixture("tokenizer", f"""CLIPTokenizer of transformers {transformers.__version__}, tokenizers {tokenizers.__version__}. texts: what the
        other cases tokenize: ids without a frame; framed: SHA-256 of the ids cut and padded to a length. clip_*: CLIP's own vocabulary;
        tiny_*: directories in Tokenizers/. *_generated: SHA-256 for each hundred texts of the rule in Tests/Reference/tokenizer.py, seeds
        0 to 9999. placeholders_*: after tokens were added and prompts converted by diffusers.""")
    fixture.case("texts", texts=TEXTS)
    scratch = FOLDER / "Tokenizers" / "scratch"
    merges = merges_of_clip()
    vocab = vocabulary(byte_symbols(), merges)
    clip = {"clip_end": stable_diffusion(scratch, vocab, merges, END), "clip_exclamation_mark": stable_diffusion(scratch, vocab, merges, "!")}
    for name, tokenizer in clip.items():
        case(fixture, name, tokenizer, 77)
        groups = [[ids(tokenizer, generated(seed)) for seed in range(first, first + 100)] for first in range(0, 10_000, 100)]
        fixture.case(f"{name}_generated", digests=[digest(group) for group in groups])
    for vectors in (1, 3):
        tokenizer = stable_diffusion(scratch, vocab, merges, END)
        tokenizer.add_tokens(["<toy>", *(f"<toy>_{number}" for number in range(1, vectors))])
        prompts = ["a photo of <toy> on grass", "<toy>", "two<toy>s,<toy>", "no toy <to y>", "<toy>_1"]
        converted = [TextualInversionLoaderMixin().maybe_convert_prompt(prompt, tokenizer) for prompt in prompts[:4]] + prompts[4:]
        fixture.case(f"placeholders_{vectors}", vectors=vectors, texts=prompts, ids=[ids(tokenizer, text) for text in converted],
                     size=len(tokenizer))
    shutil.rmtree(scratch)

    # Of few symbols, so that most bytes are unknown.
    symbols = [*"!'.,0123abcdehiklmnoprstuwxy<>|", "Ã", "©"]
    few = ["t h", "th e</w>", "h i", "a n", "an d</w>", "p h", "o t", "ph ot", "phot o</w>", "Ã ©</w>"]
    small = vocabulary(symbols, few)
    folder = FOLDER / "Tokenizers"
    tiny = {"map": stable_diffusion(folder / "map", small, few, "!", length=12),
            "decoder": with_decoder(folder / "decoder", small, few, "!", length=1e30),
            "added": write(folder / "added", small, few, dict(model_max_length=12, pad_token="!"), added={"<toy>": len(small)})}
    for name, tokenizer in tiny.items():
        case(fixture, f"tiny_{name}", tokenizer, 12, directory=name)
        # As version 5 saves it: tokenizer.json.
        saved = folder / f"{name}_saved"
        shutil.rmtree(saved, ignore_errors=True)
        tokenizer.save_pretrained(saved)
        case(fixture, f"tiny_{name}_saved", CLIPTokenizer.from_pretrained(saved), 12, directory=saved.name)
    fixture.write()


# MARK: Tables


def decompositions() -> list[str]:
    """Of the version of Unicode that the tokenizers library normalizes by."""
    composed, decomposed = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
    lines = []
    for number in [*range(0xAC00), *range(0xE000, 0x110000)]:
        character = chr(number)
        if decomposed(character) == character:
            continue
        parts = unicodedata.decomposition(character).split()
        assert decomposed("".join(chr(int(part, 16)) for part in parts)) == decomposed(character)
        mark = [] if composed(character) == character else ["="]
        lines.append(" ".join([f"{number:04X}", *mark, *parts]))
    return lines


def make_tables(path: str):
    packed = Path(path).read_bytes()
    assert hashlib.sha256(packed).hexdigest() == "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
    merges = gzip.decompress(packed).decode().split("\n")[1:48_895]
    (TABLES / "clip_merges.txt").write_text("\n".join(merges) + "\n")
    (TABLES / "canonical_decompositions.txt").write_text("\n".join(decompositions()) + "\n")


if __name__ == "__main__":
    make_tables(sys.argv[1])
