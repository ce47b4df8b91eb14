"""Files of adapters in all forms that are read, and the weights that each makes of those of a tiny pipeline.

`make()` writes Tests/Fixtures/adapters: NAME.safetensors, an adapter of a pipeline in Tests/Fixtures/text_pipelines, and
NAME.merged.safetensors, the weights that it changes as they are with it. The formulas are those of the papers, in numpy
and float64: LoRA (Hu et al. 2022), LoHa (Hyeon-Woo et al. 2022), LoKr and LoCon (Yeh et al. 2024), DoRA (Liu et al. 2024).
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures"


class Form:
    """The tensors of one module by the ends of their names, and what they make of its weight W."""

    def __init__(self, tensors, delta, magnitude=None, per_input=False):
        self.tensors, self.delta, self.magnitude, self.per_input = tensors, delta, magnitude, per_input

    def merged(self, w, scale=1.0):
        w = w.astype(np.float64)
        v = w + scale * self.delta.reshape(w.shape)
        if self.magnitude is None:
            return v
        axes = tuple(a for a in range(w.ndim) if a != (1 if self.per_input else 0))
        norm = np.sqrt((v**2).sum(axes, keepdims=True))
        return self.magnitude.reshape(norm.shape) * v / norm


class Maker:
    """Makes forms for weights of a shape (O, I) or (O, I, k, k); `size` is about how large ΔW is beside W."""

    def __init__(self, seed, size=0.3):
        self.rng, self.size = np.random.default_rng(seed), size

    def draw(self, *shape):
        return (self.size * self.rng.standard_normal(shape)).astype(np.float32)

    def alpha(self, tensors, name, alpha):
        if alpha is not None:
            tensors[name] = np.float32(alpha)

    def lora(self, shape, rank=3, alpha=None, down=".lora_down.weight", up=".lora_up.weight", s=None, mid=False, norms=None):
        (o, i), k = shape[:2], shape[2:]
        a = self.draw(rank, i, *((1, 1) if mid else k))
        b = self.draw(o, rank, *(1 for _ in k))
        tensors = {down: a, up: b}
        if mid:
            t = tensors[".lora_mid.weight"] = self.draw(rank, rank, *k)
            delta = np.einsum("om,mnkl,ni->oikl", b.reshape(o, -1), t, a.reshape(rank, i), dtype=np.float64)
        else:
            delta = b.reshape(o, rank).astype(np.float64) @ a.reshape(rank, -1)
        self.alpha(tensors, ".alpha", alpha)
        if s is None:
            s = alpha / rank if alpha else 1.0
        form = Form(tensors, s * delta)
        if norms:
            count = i if norms == "input" else o
            m = np.abs(self.draw(count)) + 0.5
            ones = [1] * len(k)
            if norms == "input":
                tensors[".dora_scale"] = m.reshape(1, i, *ones)
            elif norms == "output":
                tensors[".dora_scale"] = m.reshape(o, 1, *ones)
            else:
                tensors[".lora_magnitude_vector"] = m.reshape(1, o, 1, 1) if k else m
            form.magnitude, form.per_input = m.astype(np.float64), norms == "input"
        return form

    def loha(self, shape, rank=3, alpha=None, tucker=False):
        (o, i), k = shape[:2], shape[2:]
        tensors, product = {}, 1.0
        for n in "12":
            if tucker:
                t, a, b = self.draw(rank, rank, *k), self.draw(rank, o), self.draw(rank, i)
                tensors |= {f".hada_t{n}": t, f".hada_w{n}_a": a, f".hada_w{n}_b": b}
                product = product * np.einsum("ijkl,ip,jr->prkl", t, a, b, dtype=np.float64)
            else:
                a, b = self.draw(o, rank), self.draw(rank, int(np.prod(shape[1:])))
                tensors |= {f".hada_w{n}_a": a, f".hada_w{n}_b": b}
                product = product * (a.astype(np.float64) @ b).reshape(shape)
        self.alpha(tensors, ".alpha", alpha)
        return Form(tensors, (alpha / rank if alpha else 1.0) * product)

    def lokr(self, shape, rank=2, alpha=None, split=(2, 2), first="whole", second="whole"):
        (o, i), k = shape[:2], shape[2:]
        (ol, il), (ok, ik) = split, (o // split[0], i // split[1])
        tensors = {}
        if first == "whole":
            w1 = tensors[".lokr_w1"] = self.draw(ol, il)
        else:
            a, b = self.draw(ol, rank), self.draw(rank, il)
            tensors |= {".lokr_w1_a": a, ".lokr_w1_b": b}
            w1 = a.astype(np.float64) @ b
        if second == "whole":
            w2 = tensors[".lokr_w2"] = self.draw(ok, ik, *k)
        elif second == "factors":
            a, b = self.draw(ok, rank), self.draw(rank, ik * int(np.prod(k, dtype=int)))
            tensors |= {".lokr_w2_a": a, ".lokr_w2_b": b}
            w2 = (a.astype(np.float64) @ b).reshape(ok, ik, *k)
        else:
            t, a, b = self.draw(rank, rank, *k), self.draw(rank, ok), self.draw(rank, ik)
            tensors |= {".lokr_t2": t, ".lokr_w2_a": a, ".lokr_w2_b": b}
            w2 = np.einsum("ijkl,ip,jr->prkl", t, a, b, dtype=np.float64)
        self.alpha(tensors, ".alpha", alpha)
        w1 = np.asarray(w1, np.float64).reshape(ol, il, *(1 for _ in k))
        s = 1.0 if (first, second) == ("whole", "whole") or not alpha else alpha / rank
        return Form(tensors, s * np.kron(w1, w2))


# Modules of the two tiny pipelines of Tests/Fixtures/text_pipelines.
BLOCK = "down_blocks.0.attentions.0.transformer_blocks.0"
ATTENTION = f"{BLOCK}.attn1"
XL_BLOCK = "down_blocks.1.attentions.0.transformer_blocks.0"
LAYER = "text_model.encoder.layers.0"
TEXT = [f"{LAYER}.self_attn.{p}_proj" for p in ("q", "k", "v", "out")] + [f"{LAYER}.mlp.fc1", f"{LAYER}.mlp.fc2"]


def kohya(label):
    return lambda module: f"lora_{label}_" + module.replace(".", "_")


def dotted(prefix):
    return lambda module: prefix + module


def files():
    """name: (pipeline, [(network, module, name in the file, form)], metadata)."""
    found = {}

    def add(name, model, entries, metadata=None):
        found[name] = (model, entries, metadata or {})

    cross = {"to_q": (8, 8), "to_k": (8, 32), "to_v": (8, 32), "to_out.0": (8, 8)}
    attention = [(f"{BLOCK}.attn2.{m}", s) for m, s in cross.items()]
    ff = [(f"{BLOCK}.ff.net.0.proj", (64, 8)), (f"{BLOCK}.ff.net.2", (8, 32))]
    proj = [("down_blocks.0.attentions.0.proj_in", (8, 8, 1, 1))]
    conv = [("down_blocks.0.resnets.0.conv1", (8, 8, 3, 3)), ("down_blocks.0.downsamplers.0.conv", (8, 8, 3, 3))]
    text = [(m, (64, 32) if m.endswith("fc1") else (32, 64) if m.endswith("fc2") else (32, 32)) for m in TEXT]

    m = Maker(1)
    add("kohya", "sd", [("unet", n, kohya("unet")(n), m.lora(s, rank=2 + j % 3, alpha=1.5 + j)) for j, (n, s) in enumerate(attention + ff + proj)]
        + [("text_encoder", n, kohya("te")(n), m.lora(s, alpha=0 if j == 0 else 2)) for j, (n, s) in enumerate(text)])
    m = Maker(2)
    add("locon", "sd", [("unet", n, kohya("unet")(n), m.lora(s, alpha=2, mid=j == 1)) for j, (n, s) in enumerate(conv)])
    m = Maker(3)
    add("diffusers", "sd",
        [("unet", n, f"unet.{n}", m.lora(s, down=".lora.down.weight", up=".lora.up.weight")) for n, s in attention]
        + [("unet", n, f"unet.{n}", m.lora(s, down=".lora_A.weight", up=".lora_B.weight")) for n, s in ff + conv]
        + [("text_encoder", n, f"text_encoder.{n}", m.lora(s, down=".lora_linear_layer.down.weight", up=".lora_linear_layer.up.weight")) for n, s in text])
    m = Maker(4)
    add("processors", "sd", [
        ("unet", n, "unet." + n.replace(".to_out.0", ".to_out").replace(".to_", ".processor.to_"), m.lora(s, down="_lora.down.weight", up="_lora.up.weight"))
        for n, s in attention])
    m = Maker(5)
    settings = {"unet.r": 3, "unet.lora_alpha": 6, "unet.alpha_pattern": {"attn2.to_k": 12}, "text_encoder.r": 3, "text_encoder.lora_alpha": 9,
                "text_encoder.use_rslora": True}
    peft = dict(down=".lora_A.weight", up=".lora_B.weight")
    add("peft", "sd",
        [("unet", n, ("unet.base_model.model." if j % 2 else "base_model.model.unet.") + n, m.lora(s, **peft, s=4.0 if n.endswith("to_k") else 2.0))
         for j, (n, s) in enumerate(attention)]
        + [("unet", n, ("base_model.model." if j % 2 else "") + n, m.lora(s, **peft, s=2.0)) for j, (n, s) in enumerate(ff + conv)]
        + [("text_encoder", n, "text_encoder." + (n if j % 2 else n.removeprefix("text_model.")), m.lora(s, **peft, s=9 / np.sqrt(3)))
           for j, (n, s) in enumerate(text)],
        {"lora_adapter_metadata": json.dumps(settings)})
    m = Maker(6)
    add("dora", "sd", [
        ("unet", attention[0][0], kohya("unet")(attention[0][0]), m.lora(attention[0][1], alpha=2, norms="output")),
        ("unet", attention[1][0], kohya("unet")(attention[1][0]), m.lora(attention[1][1], alpha=2, norms="input")),
        ("unet", conv[0][0], kohya("unet")(conv[0][0]), m.lora(conv[0][1], norms="input")),
        ("unet", attention[2][0], "unet." + attention[2][0], m.lora(attention[2][1], **peft, norms="peft")),
        ("unet", conv[1][0], "unet." + conv[1][0], m.lora(conv[1][1], **peft, norms="peft"))])
    m = Maker(7)
    add("loha", "sd", [("unet", n, kohya("unet")(n), m.loha(s, alpha=None if j == 0 else 2)) for j, (n, s) in enumerate(attention + proj)]
        + [("unet", n, kohya("unet")(n), m.loha(s, alpha=2, tucker=j == 1)) for j, (n, s) in enumerate(conv)]
        + [("text_encoder", n, kohya("te")(n), m.loha(s, alpha=1)) for n, s in text[:2]])
    m = Maker(8)
    kinds = [("whole", "whole"), ("factors", "whole"), ("whole", "factors"), ("factors", "factors")]
    add("lokr", "sd", [("unet", n, kohya("unet")(n), m.lokr(s, alpha=3, split=(4, 2), first=f, second=g)) for (n, s), (f, g) in zip(attention, kinds)]
        + [("unet", conv[0][0], kohya("unet")(conv[0][0]), m.lokr(conv[0][1], alpha=3, second="tucker")),
           ("unet", conv[1][0], kohya("unet")(conv[1][0]), m.lokr(conv[1][1], alpha=3, first="factors", second="factors")),
           ("unet", "up_blocks.0.resnets.0.conv1", kohya("unet")("up_blocks.0.resnets.0.conv1"), m.lokr((16, 32, 3, 3), second="whole"))])
    m = Maker(9)
    mixed = [("unet", n, (kohya("unet"), dotted("unet."), dotted("base_model.model."), dotted(""))[j](n), m.lora(s, **({} if j == 0 else peft)))
             for j, (n, s) in enumerate(attention)]
    add("mixed", "sd", mixed + [("unet", conv[0][0], kohya("unet")(conv[0][0]), m.loha(conv[0][1], alpha=1)),
                                ("text_encoder", text[0][0], "text_encoder." + text[0][0], m.lora(text[0][1], **peft))])
    m = Maker(10)
    xl = [(f"{XL_BLOCK}.attn2.to_q", (16, 16)), (f"{XL_BLOCK}.attn2.to_k", (16, 56)), (f"{XL_BLOCK}.ff.net.0.proj", (128, 16))]
    originals = {f"{XL_BLOCK}.": "input_blocks_3_1_transformer_blocks_0_"}
    second = [(n, tuple(24 if d == 32 else 48 for d in s)) for n, s in text]
    texts = [("text_encoder", n, kohya("te1")(n), m.lora(s, alpha=2)) for n, s in text] + [
        ("text_encoder_2", n, kohya("te2")(n), m.lora(s, alpha=3)) for n, s in second]
    add("xl-original", "xl",
        [("unet", n, "lora_unet_" + n.replace(f"{XL_BLOCK}.", "input_blocks.3.1.transformer_blocks.0.").replace(".", "_"), m.lora(s, alpha=2)) for n, s in xl]
        + [("unet", "mid_block.attentions.0.proj_in", "lora_unet_middle_block_1_proj_in", m.lora((16, 16), alpha=1)),
           ("unet", "up_blocks.0.attentions.1.transformer_blocks.1.attn1.to_v", "lora_unet_output_blocks_1_1_transformer_blocks_1_attn1_to_v", m.lora((16, 16))),
           ("unet", "up_blocks.0.upsamplers.0.conv", "lora_unet_output_blocks_1_2_conv", m.lora((16, 16, 3, 3))),
           ("unet", "down_blocks.0.downsamplers.0.conv", "lora_unet_input_blocks_2_0_op", m.lora((8, 8, 3, 3))),
           ("unet", "up_blocks.1.resnets.1.conv_shortcut", "lora_unet_output_blocks_3_0_skip_connection", m.lora((8, 16, 1, 1))),
           ("unet", "add_embedding.linear_1", "lora_unet_label_emb_0_0", m.lora((32, 72)))]
        + texts)
    m = Maker(11)
    add("xl-diffusers", "xl", [("unet", n, kohya("unet")(n), m.lora(s, alpha=2)) for n, s in xl]
        + [("text_encoder", n, "text_encoder." + n, m.lora(s, **peft)) for n, s in text]
        + [("text_encoder_2", n, "text_encoder_2." + n, m.lora(s, **peft)) for n, s in second])
    return found


# What the golden weights leave out: files of the U-Net alone, as diffusers opens them, and of the upscaler.
def pictured():
    found = files()
    cross = {"to_q": (8, 8), "to_k": (8, 32), "to_v": (8, 32), "to_out.0": (8, 8)}
    attention = [(f"{BLOCK}.attn2.{m}", s) for m, s in cross.items()]
    peft = dict(down=".lora_A.weight", up=".lora_B.weight")
    m = Maker(20)
    found["unet-kohya"] = ("sd", [("unet", n, kohya("unet")(n), m.lora(s, alpha=2)) for n, s in attention], {})
    m = Maker(21)
    found["unet-peft"] = ("sd", [("unet", n, "unet." + n, m.lora(s, **peft)) for n, s in attention], {})
    m = Maker(22)
    found["unet-dora"] = ("sd", [("unet", n, "unet." + n, m.lora(s, **peft, norms="peft")) for n, s in attention], {})
    m = Maker(23)
    found["unet-upscaler"] = ("upscaler", [("unet", n, kohya("unet")(n), m.lora(s, alpha=2)) for n, s in attention[:1] + attention[3:]], {})
    model, entries, _ = found["xl-original"]
    found["xl-unet-original"] = (model, [e for e in entries if e[0] == "unet" and "attn2" in e[1]], {})
    return found


def network_weights(pipeline: Path, network: str) -> dict:
    """A network's tensors under the names of its modules here: a text encoder's with `text_model.`"""
    [path] = (pipeline / network).glob("*.safetensors")
    tensors = load_file(path)
    if network == "unet":
        return tensors
    return {n if n.startswith(("text_model.", "text_projection")) else f"text_model.{n}": t for n, t in tensors.items()}


def merged(entries, pipeline: Path, scale=1.0) -> dict:
    """The weights that an adapter changes, by network and parameter."""
    networks = {network: network_weights(pipeline, network) for network in {e[0] for e in entries}}
    return {f"{network}.{module}.weight": form.merged(networks[network][f"{module}.weight"], scale) for network, module, _, form in entries}


def save(entries, metadata: dict, path: Path) -> None:
    tensors = {name + end: np.asarray(t) for _, _, name, form in entries for end, t in form.tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"} | metadata)


def make() -> None:
    target = FIXTURES / "adapters"
    target.mkdir(exist_ok=True)
    for name, (model, entries, metadata) in files().items():
        save(entries, metadata, target / f"{name}.safetensors")
        weights = merged(entries, FIXTURES / "text_pipelines" / model)
        save_file({k: v.astype(np.float32) for k, v in weights.items()}, target / f"{name}.merged.safetensors", metadata={"pipeline": model})
        print(f"adapters/{name}: {len(entries)} modules")


if __name__ == "__main__":
    make()
