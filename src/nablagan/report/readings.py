"""How to read each figure: one honest sentence each."""

from typing import NamedTuple


class Reading(NamedTuple):
    """How to read the losses of one loss function, and the levels at which the discriminator cannot tell."""

    sentence: str
    references: tuple[float, ...] = ()


LOSSES = {
    "relativistic": Reading(
        "Both losses at log 2 ≈ 0.693 (dashed) mean that the discriminator cannot tell real from generated; the "
        "further its loss falls below and the generator's rises above, the surer it is.",
        (0.6931,),
    ),
    "relativistic_average": Reading(
        "Both losses at 2 log 2 ≈ 1.386 (dashed) mean that the discriminator cannot tell real from generated; the "
        "further its loss falls below and the generator's rises above, the surer it is.",
        (1.3863,),
    ),
    "non_saturating": Reading(
        "Where the discriminator cannot tell, its loss is 2 log 2 ≈ 1.386 and the generator's log 2 ≈ 0.693 (dashed); "
        "a discriminator loss near 0 means that it is sure of nearly every sample.",
        (0.6931, 1.3863),
    ),
    "minimax": Reading(
        "Where the discriminator cannot tell, its loss is 2 log 2 ≈ 1.386 and the generator's -log 2 ≈ -0.693 "
        "(dashed); near 0 the generator's gradient vanishes.",
        (-0.6931, 1.3863),
    ),
    "hinge": Reading(
        "A discriminator that cannot tell has loss 2 (dashed), one that keeps every sample beyond its margin 0; the "
        "generator's loss is minus the mean logit of its samples and has no natural scale.",
        (2.0,),
    ),
    "wasserstein": Reading(
        "Minus the discriminator's loss estimates a Wasserstein distance up to an unknown scale, 0 (dashed) where it "
        "sees no difference; the generator's loss has meaning only up to a drifting constant.",
        (0.0,),
    ),
    "least_squares": Reading(
        "Where the discriminator cannot tell, its loss is 1/4 and the generator's 1/8 (dashed); 0 means that it hits "
        "its targets on every sample.",
        (0.125, 0.25),
    ),
    "signed_least_squares": Reading(
        "Where the discriminator cannot tell, its loss is 2 and the generator's 1 (dashed); 0 means that it hits its "
        "targets on every sample.",
        (1.0, 2.0),
    ),
}
DIVERGENCES = {
    "kullback_leibler": "the Kullback-Leibler divergence",
    "reverse_kullback_leibler": "the reverse Kullback-Leibler divergence",
    "pearson": "the Pearson χ² divergence",
    "neyman": "the Neyman χ² divergence",
    "squared_hellinger": "the squared Hellinger distance",
    "jensen_shannon": "twice the Jensen-Shannon divergence",
    "total_variation": "the total variation distance",
}
OTHER_LOSS = Reading("A falling loss means that one player is gaining on the other.")
NOT_QUALITY = " Neither curve measures the quality of samples: each player's goal moves with the other."
WITH_PENALTIES = " The discriminator's curve includes its weighted penalties."

OTHER_TERMS = "The generator's curve includes its other weighted terms, which have figures of their own"
BOTH_WAYS = f"Each player's curve is the sum over both ways, to the targets and back. {OTHER_TERMS}."
NO_ADVERSARY = (
    "This run has no adversary: the generator's curve is the difference to the truth alone, and what the discriminator "
    "learns beside it changes nothing."
)

LOGITS = (
    "The gap between the two is how well the discriminator separates real from generated samples: a small steady gap "
    "is healthy, one that keeps growing means that the discriminator is winning."
)
RELATIVE = " With this loss only the gap has a meaning: a common drift of both changes nothing."
GRADIENTS = (
    "The length of each player's gradient: a steady level is healthy, a climb over orders of magnitude announces "
    "divergence, and a fall towards 0 means that a player has nothing left to learn from."
)
PARAMETERS = (
    "The length of each player's weights: slow growth is normal, a jump or a curve that bends upwards means that the "
    "steps are too long."
)
PENALTIES = (
    "Half the squared gradient of the discriminator in its input, unweighted: how steep it is at real (r1) and at "
    "generated (r2) samples; a jump is a sign that it has begun to memorise single images."
)
OTHER_PENALTIES = "Each penalty of the discriminator's loss before it is multiplied by its weight."
WEIGHTS = (
    "What each penalty is multiplied by in its player's loss: set by the schedule, or with --gamma auto by how well "
    "the discriminator separates."
)
LEARNING_RATES = "The step size of each player's optimiser: set by the schedule, not measured."
SPEED = "A steady level is right; dips show other work on the machine, or the drawing of pictures and saving."
SEPARATION = (
    "How surely the discriminator tells real from generated samples of a pair: log 2 ≈ 0.693 where it cannot, higher "
    "the surer it is. With --gamma auto the penalties' weight rises while this is above a target and falls while it is "
    "below."
)
VITALS = {
    "diversity": "How far apart two generated samples of a class lie, relative to two real ones: 1 is the data's own "
    "variety, a steady fall towards 0 is collapse onto few samples.",
    "sample_distance": "How far generated samples lie from real ones, relative to the real ones' own spread (energy "
    "distance): it should fall and stay; a lasting rise means that training undoes what it had learnt.",
    "overlap": "How often the discriminator ranks a training sample above a generated one (overlap) and above a "
    "held-out real one (memorisation); 0.5 (dashed) is a coin flip. Overlap near 1 for long: it wins; "
    "below 0.5: it judges where the generator was. Memorisation well above 0.5: it knows training samples "
    "by heart.",
    "generator_signal": "The loss's gradient at a generated sample, all it has to learn from: a fall by "
    "orders of magnitude means that it learns no more.",
    "own_ratio": "What each player's own part of an update did to its loss, over what its gradient promised: near 1 "
    "(dashed) steps are short, below 0 (dashed) they overshoot and the loss rises.",
    "other_ratio": "What the other player's part of an update does to this loss, over what the own part gains: "
    "far above 1 for long, this player is outrun.",
    "cosine": "The cosine between each player's gradient before an update and after it, on the same batch: near 1 "
    "steps are short, near -1 they jump across a valley and back.",
}
TERMS = {
    "reconstruction": "The mean absolute difference of output and truth, of a range of 2, on training batches and "
    "before its weight: it falls and settles above 0 where several answers are right. Held-out figures are in Pairs.",
    "completion": "The mean absolute difference to the truth in the hole, and in what the generator paints over known "
    "pixels (which are copied through and never seen), of a range of 2, before their weights.",
    "features": "How far the discriminator's features of output and truth lie apart (feature matching), or those of a "
    "fixed network (perceptual), before their weights: the first moves with the discriminator.",
    "cycle": "What is lost on the way there and back again (cycle) and by translating an image of the other side "
    "(identity), of a range of 2, sums over both ways, before their weights. Near 0 does not mean a good translation: "
    "an input can be hidden in its output.",
    "contrast": "How badly a place of the output is told from the other places of its input, in nats: log 64 ≈ 4.16 by "
    "chance among 64 places, 0 if always found. Too low: the output keeps the input.",
    "closeness": "The length of the difference of two latents over that of the outputs: large means that the latent "
    "changes little, which the weight of diversity is against.",
}
MEASURES = {"separation": SEPARATION}
BACK = "back_"
OF_THE_WAY_BACK = "On the way back, from targets to sources. "
OTHER = "A measure that this report has no words for, drawn as it was logged."


def losses_reading(loss: str, has_penalties: bool) -> Reading:
    """The reading of the loss curves for the loss function of this name."""
    reading = LOSSES.get(loss) or _divergence_reading(loss)
    return Reading(reading.sentence + (WITH_PENALTIES if has_penalties else "") + NOT_QUALITY, reading.references)


def losses_of_terms_reading(loss: str, has_penalties: bool, both_ways: bool, adversary: bool) -> Reading:
    """The reading where the generator also wants something beside the loss: no level means that nobody can tell."""
    if not adversary:
        return Reading(NO_ADVERSARY)
    if both_ways:
        return Reading(BOTH_WAYS + (WITH_PENALTIES if has_penalties else ""))
    alone = losses_reading(loss, has_penalties)
    return Reading(f"{OTHER_TERMS}. Without them: {alone.sentence[:1].lower()}{alone.sentence[1:]}", alone.references)


def logits_reading(loss: str) -> str:
    """The reading of the logits for the loss function of this name."""
    return LOGITS + (RELATIVE if loss.startswith("relativistic") else "")


def penalties_reading(names: set[str]) -> str:
    """The reading of the penalties of these names."""
    return PENALTIES if names <= {"r1", "r2"} else OTHER_PENALTIES


def measure_reading(name: str) -> str:
    """The reading of a measure that no other figure shows."""
    if name.startswith(BACK) and name.removeprefix(BACK) in MEASURES:
        return OF_THE_WAY_BACK + MEASURES[name.removeprefix(BACK)]
    return MEASURES.get(name, OTHER)


def _divergence_reading(loss: str) -> Reading:
    if loss not in DIVERGENCES:
        return OTHER_LOSS
    return Reading(
        f"Minus the discriminator's loss is a lower bound of {DIVERGENCES[loss]} between real and generated samples: "
        "0 (dashed) where it sees no difference.",
        (0.0,),
    )
