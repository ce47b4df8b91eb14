"""Inception v3 as the Frechet inception distance uses it, in the structure and with the parameter names of pytorch-fid's weights."""

import torch
import torch.nn.functional as F
from torch import nn

from fixture import Fixture


class Normalized(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel, stride: int = 1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def around(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class A(nn.Module):
    def __init__(self, inputs: int, pooled: int):
        super().__init__()
        self.branch1x1 = Normalized(inputs, 64, 1)
        self.branch5x5_1 = Normalized(inputs, 48, 1)
        self.branch5x5_2 = Normalized(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Normalized(inputs, 64, 1)
        self.branch3x3dbl_2 = Normalized(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Normalized(96, 96, 3, padding=1)
        self.branch_pool = Normalized(inputs, pooled, 1)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(around(x))], 1)


class B(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = Normalized(inputs, 384, 3, stride=2)
        self.branch3x3dbl_1 = Normalized(inputs, 64, 1)
        self.branch3x3dbl_2 = Normalized(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Normalized(96, 96, 3, stride=2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class C(nn.Module):
    def __init__(self, inputs: int, inner: int):
        super().__init__()
        across, down = dict(kernel=(1, 7), padding=(0, 3)), dict(kernel=(7, 1), padding=(3, 0))
        self.branch1x1 = Normalized(inputs, 192, 1)
        self.branch7x7_1 = Normalized(inputs, inner, 1)
        self.branch7x7_2 = Normalized(inner, inner, **across)
        self.branch7x7_3 = Normalized(inner, 192, **down)
        self.branch7x7dbl_1 = Normalized(inputs, inner, 1)
        self.branch7x7dbl_2 = Normalized(inner, inner, **down)
        self.branch7x7dbl_3 = Normalized(inner, inner, **across)
        self.branch7x7dbl_4 = Normalized(inner, inner, **down)
        self.branch7x7dbl_5 = Normalized(inner, 192, **across)
        self.branch_pool = Normalized(inputs, 192, 1)

    def forward(self, x):
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(around(x))], 1)


class D(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3_1 = Normalized(inputs, 192, 1)
        self.branch3x3_2 = Normalized(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Normalized(inputs, 192, 1)
        self.branch7x7x3_2 = Normalized(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Normalized(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Normalized(192, 192, 3, stride=2)

    def forward(self, x):
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, stride=2)], 1)


class E(nn.Module):
    def __init__(self, inputs: int, pool):
        super().__init__()
        self.pool = pool
        self.branch1x1 = Normalized(inputs, 320, 1)
        self.branch3x3_1 = Normalized(inputs, 384, 1)
        self.branch3x3_2a = Normalized(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Normalized(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Normalized(inputs, 448, 1)
        self.branch3x3dbl_2 = Normalized(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Normalized(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Normalized(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Normalized(inputs, 192, 1)

    def forward(self, x):
        three, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        three = torch.cat([self.branch3x3_2a(three), self.branch3x3_2b(three)], 1)
        double = torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], 1)
        return torch.cat([self.branch1x1(x), three, double, self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Normalized(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Normalized(32, 32, 3)
        self.Conv2d_2b_3x3 = Normalized(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Normalized(64, 80, 1)
        self.Conv2d_4a_3x3 = Normalized(80, 192, 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = A(192, 32), A(256, 64), A(288, 64)
        self.Mixed_6a = B(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = C(768, 128), C(768, 160), C(768, 160), C(768, 192)
        self.Mixed_7a = D(768)
        self.Mixed_7b, self.Mixed_7c = E(1280, around), E(2048, lambda x: F.max_pool2d(x, 3, stride=1, padding=1))
        self.fc = nn.Linear(2048, 1008)

    def forward(self, pictures):
        """Pictures (N, 3, H, W) in [0, 1]."""
        x = F.interpolate(pictures, size=(299, 299), mode="bilinear", align_corners=False) * 2 - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = F.max_pool2d(x, 3, stride=2)
        for block in (self.Mixed_5b, self.Mixed_5c, self.Mixed_5d, self.Mixed_6a, self.Mixed_6b, self.Mixed_6c, self.Mixed_6d,
                      self.Mixed_6e, self.Mixed_7a, self.Mixed_7b, self.Mixed_7c):
            x = block(x)
        return x.mean(dim=(2, 3))


def fill(model: nn.Module):
    """Weights from torch's uniforms, the numbers of a tensor seeded by its place among all names in order, so that none has to be stored."""
    with torch.no_grad():
        names = sorted(name for name in model.state_dict() if not name.endswith("num_batches_tracked") and not name.startswith("fc."))
        for seed, name in enumerate(names):
            tensor = model.state_dict()[name]
            uniform = torch.rand(tensor.shape, generator=torch.Generator().manual_seed(seed))
            if tensor.ndim == 4:
                fan_in = tensor[0].numel()
                uniform = (uniform - 0.5) * (24 / fan_in) ** 0.5
            elif name.endswith("bias") or name.endswith("mean"):
                uniform = (uniform - 0.5) * 0.25
            else:
                uniform = uniform + 0.5
            tensor.copy_(uniform)


def make():
    fixture = Fixture("inception", """features: the 2048 pooled features of pictures (N, 3, H, W) in [0, 1]. No weights are stored: tensor
        i of the names in their order (without the classifier and num_batches_tracked) is torch.rand seeded by i, kernels as
        (u - 0.5) sqrt(24 / fan-in), biases and running means as (u - 0.5) / 4, the rest as u + 0.5. resize: bilinear interpolation
        without antialiasing. max_pool, average_pool: kernel, stride, padding; the average leaves the border out. In float64.""")
    from fixture import random
    model = Inception().eval()
    fill(model)
    model.double()
    for name, height, width in (("features_small", 40, 33), ("features_tall", 310, 20)):
        pictures = torch.sigmoid(F.interpolate(random(1, 3, 9, 7, seed=height, scale=2), size=(height, width), mode="bicubic"))
        pictures = (pictures * 255).round() / 255
        with torch.no_grad():
            features = model(pictures.double())
        # Bytes are enough to make the pictures again.
        fixture.case(name, {"picture": (pictures * 255).round(), "output": features}, kind="features")
    for height, width in ((7, 5), (30, 44), (13, 16)):
        x = random(2, 3, 13, 16, seed=height)
        fixture.case(f"resize_{height}_{width}", {"input": x, "output": F.interpolate(x.double(), size=(height, width), mode="bilinear")},
                     kind="resize", height=height, width=width)
    for kernel, stride, padding in ((3, 2, 0), (3, 1, 1), (2, 2, 0)):
        x = random(2, 5, 9, 8, seed=kernel + stride)
        pool = dict(kernel_size=kernel, stride=stride, padding=padding)
        fixture.case(f"max_pool_{kernel}_{stride}_{padding}", {"input": x, "output": F.max_pool2d(x.double(), **pool)}, kind="max_pool",
                     kernel=kernel, stride=stride, padding=padding)
        fixture.case(f"average_pool_{kernel}_{stride}_{padding}",
                     {"input": x, "output": F.avg_pool2d(x.double(), count_include_pad=False, **pool)}, kind="average_pool",
                     kernel=kernel, stride=stride, padding=padding)
    fixture.write()
