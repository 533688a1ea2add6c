"""Generative models that are no games, small and correct, to compare with: VAE, flow matching, DDPM."""

from nablagan.baselines.diffusion import DDPM
from nablagan.baselines.flow import FLOW_MATCHING
from nablagan.baselines.method import Method, Sampler
from nablagan.baselines.training import Plan, Training
from nablagan.baselines.vae import VAE

__all__ = ["DDPM", "FLOW_MATCHING", "VAE", "Method", "Plan", "Sampler", "Training"]
