"""The weight gamma of (gamma / 2) E||grad_x D||^2 that published weights amount to.

| published                                             | gamma                                       |
| Mescheder et al. 2018, StyleGAN2, R3GAN               | their gamma                                 |
| Self-Forcing, r1_weight                               | r1_weight                                   |
| WGAN-GP, DRAGAN, lambda (10)                          | gamma_of_square(10) = 20                    |
| Adversarial Flow Models, gp_scale (0.25)              | gamma_of_square(0.25) = 0.5                 |
| APT, lambda 100 with sigma 0.01 (images), 0.1 (video) | gamma_of_difference(100, sigma) = 0.02, 2   |
| FastGen, weight w with noise alpha                    | gamma_of_difference(w, alpha) = 2 w alpha^2 |

APT's 100 is thus a weaker penalty than R3GAN's 0.05.
"""


def gamma_of_square(weight: float) -> float:
    """gamma of a term weight E||grad_x D||^2, or weight E(||grad_x D|| - 1)^2, without the half: 2 weight.

    >>> gamma_of_square(10)
    20
    """
    return 2 * weight


def gamma_of_difference(weight: float, sigma: float) -> float:
    """gamma of a term weight E(D(x + sigma v) - D(x))^2, v ~ N(0, I), not divided by sigma^2: 2 weight sigma^2.

    To leading order in sigma; `methods.random_fd` states the next.

    >>> gamma_of_difference(100, 0.5)
    50.0
    """
    return 2 * weight * sigma**2
