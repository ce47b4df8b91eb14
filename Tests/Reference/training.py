"""Twenty steps of training with given weights, batches, noise and timesteps: losses, gradient norms, final weights."""

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel

from fixture import Fixture, random
from modules import randomize
from networks import MinidiffusionMLP
from schedules import float64_scheduler

STEPS = 20
LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.smooth_l1_loss}


def orthogonalize(matrix, coefficients, steps, eps):
    """torch.optim.Muon's iteration in the matrix's own precision; PyTorch rounds to bfloat16 first."""
    a, b, c = coefficients
    x = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if len(matrix) <= matrix.shape[1] else x.T


torch.optim._muon._zeropower_via_newtonschulz = orthogonalize


class Muon(torch.optim.Optimizer):
    """torch.optim.Muon for all matrices and kernels but those of the first and last layer and those for the timestep, AdamW for all else."""

    def __init__(self, parameters, lr, momentum, betas, eps, weight_decay):
        named = list(parameters)
        super().__init__(named, dict(lr=lr))
        parameters = [parameter for _, parameter in named]
        hidden = [parameter for name, parameter in named if parameter.ndim > 1 and "time_emb" not in name][1:-1]
        self.matrices = [(kernel, torch.nn.Parameter(kernel.detach().view(len(kernel), -1))) for kernel in hidden]
        others = [parameter for parameter in parameters if all(parameter is not kernel for kernel in hidden)]
        self.parts = [
            torch.optim.Muon([matrix for _, matrix in self.matrices], lr, weight_decay, momentum, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr, betas, eps, weight_decay),
        ]

    def step(self):
        for kernel, matrix in self.matrices:
            matrix.grad = kernel.grad.view_as(matrix)
        for part in self.parts:
            part.param_groups[0]["lr"] = self.param_groups[0]["lr"]
            part.step()


OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "muon": Muon}

ABOUT = """Case `data`: tensors weights.<parameter> (at the start), x0 and noise (steps, batch, ...); timesteps (steps, batch) and config
    in the JSON. A run: x_t = add_noise(x0, noise, t) under the linear schedule, T = 1000; prediction `model(x_t, t)`; target by
    prediction_type; `loss` averaged over all elements (with min_snr_gamma: each sample's mean times its weight, averaged).
    losses, gradient_norms (before clipping, over all parameters) and learning_rates are per optimizer step; tensors
    final.<parameter>, and with ema_decay also ema.<parameter>. With accumulation k, optimizer step i uses batches k i to k i + k - 1,
    its loss and gradient their means. Float64 arithmetic; float32_loss_error (relative) and float32_weight_error
    (absolute, over all final and ema weights but attention's key biases) say how far PyTorch's own float32 ends from it. A key
    bias has no effect, so its gradient is rounding noise, which Adam turns into steps of arbitrary sign: do not compare it."""


def target_of(kind: str, scheduler, x0, noise, t):
    return {"epsilon": lambda: noise, "sample": lambda: x0, "v_prediction": lambda: scheduler.get_velocity(x0, noise, t)}[kind]()


def weights_of(kind: str, snr, gamma: float):
    least = snr.clamp(max=gamma)
    return {"epsilon": least / snr, "sample": least, "v_prediction": least / (snr + 1)}[kind]


class Experiment:
    """A network with its start and its data; `run` trains a fresh copy of it."""

    def __init__(self, name: str, about: str, make_model, predict, x0: torch.Tensor, **data):
        self.fixture = Fixture(name, about)
        self.make_model, self.predict = make_model, predict
        self.scheduler = float64_scheduler(DDPMScheduler)
        model = make_model()
        randomize(model, seed=3)
        self.start = {key: value.clone() for key, value in model.state_dict().items()}
        self.x0, self.noise = x0, random(*x0.shape, seed=21)
        self.timesteps = torch.randint(1000, x0.shape[:2], generator=torch.Generator().manual_seed(22))
        tensors = {f"weights.{key}": value for key, value in self.start.items()} | {"x0": self.x0, "noise": self.noise}
        self.fixture.case("data", tensors, timesteps=self.timesteps.tolist(), num_train_timesteps=1000, beta_schedule="linear", **data)

    def loss(self, model, batch: int, kind: str, loss: str, gamma: float | None):
        x0, noise, t = self.x0[batch].double(), self.noise[batch].double(), self.timesteps[batch]
        dtype = next(model.parameters()).dtype
        prediction = self.predict(model, self.scheduler.add_noise(x0, noise, t).to(dtype), t)
        target = target_of(kind, self.scheduler, x0, noise, t).to(dtype)
        if gamma is None:
            return LOSSES[loss](prediction, target)
        abar = self.scheduler.alphas_cumprod[t]
        each = LOSSES[loss](prediction, target, reduction="none").flatten(1).mean(dim=1)
        return (each * weights_of(kind, abar / (1 - abar), gamma).to(dtype)).mean()

    def train(self, dtype, optimizer, learning_rate, prediction_type, loss, min_snr_gamma, accumulation, max_grad_norm, lr_schedule,
              warmup_steps, ema_decay, **optimizer_options):
        """The loop; returns the JSON's numbers and the tensors."""
        model = self.make_model()
        model.load_state_dict(self.start)
        model.to(dtype)
        parameters = dict(model.named_parameters())
        solver = OPTIMIZERS[optimizer](parameters.items(), lr=learning_rate, **optimizer_options)
        steps = STEPS // accumulation
        rates = get_scheduler(lr_schedule, solver, num_warmup_steps=warmup_steps, num_training_steps=steps)
        average = {key: value.detach().clone() for key, value in parameters.items()}
        published = EMAModel(list(parameters.values()), decay=ema_decay or 0.0)
        losses, norms, used, decays = [], [], [], []
        for step in range(steps):
            solver.zero_grad()
            total = 0.0
            for part in range(accumulation):
                value = self.loss(model, step * accumulation + part, prediction_type, loss, min_snr_gamma) / accumulation
                value.backward()
                total += value.item()
            losses.append(total)
            norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), max_grad_norm or float("inf")).item())
            used.append(solver.param_groups[0]["lr"])
            solver.step()
            rates.step()
            if ema_decay is not None:
                decays.append(min(ema_decay, (1 + step) / (10 + step)))
                for key, value in parameters.items():
                    average[key].lerp_(value.detach(), 1 - decays[-1])
                published.step(list(parameters.values()))
        tensors = {f"final.{key}": value.detach() for key, value in parameters.items()}
        numbers = {"losses": losses, "gradient_norms": norms, "learning_rates": used}
        if ema_decay is not None:
            tensors |= {f"ema.{key}": value for key, value in average.items()}
            tensors |= {f"ema_diffusers.{key}": value for key, value in zip(parameters, published.shadow_params)}
            numbers["ema_decays"] = decays
        return numbers, tensors

    def run(self, name: str, optimizer: str, learning_rate: float, keep_weights: bool = True, **more):
        settings = dict(
            optimizer=optimizer, learning_rate=learning_rate, prediction_type="epsilon", loss="mse", min_snr_gamma=None, accumulation=1,
            max_grad_norm=None, lr_schedule="constant", warmup_steps=0, ema_decay=None,
        ) | more
        numbers, tensors = self.train(torch.float64, **settings)
        single, rounded = self.train(torch.float32, **settings)
        loss_error = max(abs(a - b) / b for a, b in zip(single["losses"], numbers["losses"]))
        judged = [key for key in tensors if not key.endswith("to_k.bias")]
        weight_error = max((rounded[key] - tensors[key]).abs().max().item() for key in judged)
        self.fixture.case(name, tensors if keep_weights else None, **settings, **numbers, float32_loss_error=loss_error,
                          float32_weight_error=weight_error)


ADAMW = dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
ADAM = dict(betas=(0.9, 0.999), eps=1e-8)
MUON = dict(momentum=0.95, **ADAMW)


def unet2d():
    config = dict(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=(4, 4), layers_per_block=1, norm_num_groups=2, attention_head_dim=2,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    smooth = torch.nn.functional.interpolate(random(STEPS * 4, 1, 4, 4, seed=20), size=(8, 8), mode="bilinear").clamp(-1, 1)
    experiment = Experiment("training_unet2d", f"UNet2DModel. {ABOUT}", lambda: UNet2DModel(**config), lambda model, x, t: model(x, t).sample,
                            smooth.reshape(STEPS, 4, 1, 8, 8), config=config)
    experiment.run("adamw", "adamw", 1e-3, **ADAMW)
    experiment.run("adam", "adam", 1e-3, **ADAM)
    experiment.run("sgd_momentum", "sgd", 1e-2, momentum=0.9)
    experiment.run("adamw_clipped", "adamw", 1e-3, max_grad_norm=0.2, **ADAMW)
    experiment.run("adamw_accumulated", "adamw", 1e-3, accumulation=2, max_grad_norm=1.0, **ADAMW)
    experiment.run("adamw_cosine_warmup_ema", "adamw", 2e-3, lr_schedule="cosine", warmup_steps=4, ema_decay=0.7, **ADAMW)
    experiment.run("muon", "muon", 1e-3, ema_decay=0.7, max_grad_norm=0.2, **MUON)
    experiment.run("velocity_huber", "adamw", 1e-3, prediction_type="v_prediction", loss="huber", keep_weights=False, **ADAMW)
    experiment.run("sample_l1", "adamw", 1e-3, prediction_type="sample", loss="l1", keep_weights=False, **ADAMW)
    for kind in ("epsilon", "v_prediction", "sample"):
        experiment.run(f"min_snr_{kind}", "adamw", 1e-3, prediction_type=kind, min_snr_gamma=5.0, keep_weights=False, **ADAMW)
    experiment.fixture.write()


def mlp():
    predict = lambda model, x, t: model((x, t.double() / 999 - 0.5))
    experiment = Experiment("training_mlp", f"minidiffusion's network. {ABOUT}", lambda: MinidiffusionMLP(2, 16), predict,
                            random(STEPS, 25, 2, seed=20), config=dict(features=2, hidden=16))
    experiment.run("adam", "adam", 1e-3, **ADAM)
    experiment.run("adam_decay", "adam", 1e-3, weight_decay=0.1, **ADAM)
    experiment.run("sgd", "sgd", 1e-1)
    experiment.run("sgd_momentum_decay", "sgd", 1e-2, momentum=0.9, weight_decay=0.01)
    experiment.run("muon", "muon", 1e-2, **MUON)
    experiment.run("sgd_nesterov", "sgd", 1e-2, momentum=0.9, nesterov=True)
    experiment.run("adamw_linear_warmup_ema", "adamw", 1e-2, lr_schedule="linear", warmup_steps=5, ema_decay=0.5, **ADAMW)
    experiment.fixture.write()


def learning_rates():
    fixture = Fixture("training_learning_rates", """What diffusers.optimization.get_scheduler multiplies the learning rate by:
        multipliers[i] is that of optimizer step i, counted from 0.""")
    for name, warmup, total in [
        ("constant", 0, 10), ("constant_with_warmup", 4, 10), ("linear", 0, 10), ("linear", 4, 12), ("cosine", 0, 10), ("cosine", 4, 12),
        ("cosine", 100, 1000), ("linear", 1, 2),
    ]:
        solver = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        rates = get_scheduler(name, solver, num_warmup_steps=warmup, num_training_steps=total)
        multipliers = []
        for _ in range(total):
            multipliers.append(solver.param_groups[0]["lr"])
            solver.step()
            rates.step()
        steps = list(range(total)) if total <= 20 else [0, 1, 50, 99, 100, 101, 500, 998, 999]
        fixture.case(f"{name}_{warmup}_{total}", lr_schedule=name, warmup_steps=warmup, total_steps=total, steps=steps,
                     multipliers=[multipliers[step] for step in steps])
    fixture.write()


def make():
    unet2d()
    mlp()
    learning_rates()
