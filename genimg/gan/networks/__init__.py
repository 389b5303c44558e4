"""Architectures apart from data and objectives, one module per family. Networks own no optimiser, give raw scores."""

from genimg.gan.networks.chromagan import (
    ChromaGenerator,
    Colours,
    LiteGenerator,
    PatchCritic,
    VGGGenerator,
    chromagan,
    load_trunk,
    load_vgg16,
)
from genimg.gan.networks.dcgan import Critic, Generator, dcgan, encoder
from genimg.gan.networks.efficientnet import EfficientNetLite0, Trunk, load_efficientnet
from genimg.gan.networks.mlp import mlp
from genimg.gan.networks.resnet import Residual, ResidualCritic, ResidualGenerator, resnet
from genimg.gan.networks.stlpips import ShiftTolerantLPIPS, load_stlpips
