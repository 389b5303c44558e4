# What `import genimg as gi` offers; `__init__.py` resolves it on first use.

from . import data as data
from . import plots as plots
from . import widgets as widgets
from . import zoo as zoo
from ._base import devices as devices
from ._base import records as records
from ._base import seeding as seeding
from ._base.records import Record as Record
from ._base.seeding import rng as rng
from .gan import distributions as distributions
from .gan import history as history
from .gan import networks as networks
from .gan import objectives as objectives
from .gan import training as training
from .gan.distributions import Empirical as Empirical
from .gan.distributions import Gaussian as Gaussian
from .gan.distributions import Mixture as Mixture
from .gan.distributions import Pushforward as Pushforward
from .gan.history import History as History
from .gan.objectives import R1 as R1
from .gan.objectives import Hinge as Hinge
from .gan.objectives import TanhTotalVariation as TanhTotalVariation
from .gan.objectives import TotalVariation as TotalVariation
from .gan.objectives import Vanilla as Vanilla
from .gan.objectives import WassersteinClip as WassersteinClip
from .gan.objectives import WassersteinGP as WassersteinGP
from .gan.training import critic_steps as critic_steps
from .gan.training import gan_steps as gan_steps
from .gan.training import train_gan as train_gan
from .numerics import color as color
from .numerics import divergence as divergence
from .numerics import fields as fields
from .numerics import interpolation as interpolation
from .numerics import metrics as metrics
from .numerics import poisson as poisson
from .numerics import transport as transport
from .problems import anomaly as anomaly
from .problems import colorize as colorize
from .problems import inpaint as inpaint
from .problems.anomaly import Detector as Detector
from .problems.anomaly import anomaly_score as anomaly_score
from .problems.anomaly import fit_detector as fit_detector
from .teach import check as check

__version__: str
