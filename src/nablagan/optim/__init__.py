"""Updates over any torch.optim optimiser, directions for them to step along, and schedules."""

from nablagan.optim.adaptive_competitive import AdaptiveCompetitiveGradientDescent
from nablagan.optim.along import Along, Direction
from nablagan.optim.balance import Balance, Balanced
from nablagan.optim.competitive import CompetitiveGradientDescent, competitive
from nablagan.optim.consensus import Consensus, consensus
from nablagan.optim.critic import CriticFirst
from nablagan.optim.extragradient import Extragradient
from nablagan.optim.lead import Lead
from nablagan.optim.lookahead import Lookahead
from nablagan.optim.negative_momentum import NegativeMomentum, SimultaneousNegativeMomentum
from nablagan.optim.optimistic import Optimistic
from nablagan.optim.past_extragradient import PastExtragradient
from nablagan.optim.pooled import Pooled
from nablagan.optim.ridge import FollowTheRidge, ridge
from nablagan.optim.runge_kutta import RungeKutta2, RungeKutta4
from nablagan.optim.schedules import Cosine, constant
from nablagan.optim.step_sizes import step_sizes
from nablagan.optim.symplectic import SymplecticAdjustment, symplectic_adjustment
from nablagan.optim.unrolled import Unrolled, unrolled
from nablagan.optim.updates import Alternating, Simultaneous, Step, Update

__all__ = [
    "AdaptiveCompetitiveGradientDescent",
    "Along",
    "Alternating",
    "Balance",
    "Balanced",
    "CompetitiveGradientDescent",
    "Consensus",
    "Cosine",
    "CriticFirst",
    "Direction",
    "Extragradient",
    "FollowTheRidge",
    "Lead",
    "Lookahead",
    "NegativeMomentum",
    "Optimistic",
    "PastExtragradient",
    "Pooled",
    "RungeKutta2",
    "RungeKutta4",
    "Simultaneous",
    "SimultaneousNegativeMomentum",
    "Step",
    "SymplecticAdjustment",
    "Unrolled",
    "Update",
    "competitive",
    "consensus",
    "constant",
    "ridge",
    "step_sizes",
    "symplectic_adjustment",
    "unrolled",
]
