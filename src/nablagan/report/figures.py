"""The page's curves: which measures share a figure, and the words beside them."""

from nablagan.report.chart import MARK_COLOURS, Chart, Line, hides, line_chart
from nablagan.report.markup import Markup, join, tag
from nablagan.report.readings import (
    BACK,
    GRADIENTS,
    LEARNING_RATES,
    OF_THE_WAY_BACK,
    PARAMETERS,
    PENALTIES,
    SPEED,
    VITALS,
    WEIGHTS,
    Reading,
    logits_reading,
    losses_of_terms_reading,
    losses_reading,
    measure_reading,
    penalties_reading,
)
from nablagan.report.readings import TERMS as TERM_READINGS
from nablagan.report.record import OF_INTEREST, RunRecord
from nablagan.report.series import Series, measure_series, time_series
from nablagan.report.words import function_name, number, plural, title_case

GENERATOR, DISCRIMINATOR, REAL, FAKE, OTHERS = 1, 2, 3, 4, 5
MOST_OTHERS = 24
PLAYERS = {"generator": ("Generator", GENERATOR), "discriminator": ("Discriminator", DISCRIMINATOR)}
WEIGHT = "penalty_weight"
TERMS = {
    "Difference to the truth": ("reconstruction", ("reconstruction",)),
    "Hole and known pixels": ("completion", ("hole", "known")),
    "Features": ("features", ("feature_matching", "perceptual")),
    "There and back": ("cycle", ("cycle", "identity")),
    "Contrast": ("contrast", ("contrast",)),
    "Closeness of two outputs": ("closeness", ("closeness",)),
}
"""Figures of what a generator that starts from images wants beside the loss: their reading, and their measures."""


class Curves:
    """Draws figures from a record; measures that a figure takes are not left for the others."""

    def __init__(self, record: RunRecord, kind: str = "tick") -> None:
        events = record.of_kind(kind)
        self.left, self.times = measure_series(events), time_series(events)
        self.loss = function_name(record.get("config", "loss") or "")
        self.has_adversary = record.get("config", "task", "options", "adversarial") != 0
        self.marks = {
            kind: [float(event["images_seen"]) for event in record.of_kind(kind)]
            for kind in OF_INTEREST
            if record.of_kind(kind)
        }
        self.drawn, self.prefix = 0, kind[0]

    def known(self) -> list[Markup]:
        """The figures every run should have; one that lacks its measures is left out."""
        penalties = self._take_penalties()
        weights = self._take_weights()
        losses = self._losses_reading(bool(penalties))
        back = self._take_all(
            [name for name in self.left if name.startswith(f"{BACK}penalty_")], f"{BACK}penalty_", False
        )
        figures = [
            self._figure("Losses", self._players("loss"), losses.sentence, references=losses.references),
            self._figure("Logits", self._logits(), logits_reading(self.loss)),
            *self._terms(),
            self._figure("Logits of the way back", self._logits(BACK), OF_THE_WAY_BACK + logits_reading(self.loss)),
            self._figure("Gradient norms", self._players("gradient_norm"), GRADIENTS, log=True),
            self._figure("Parameter norms", self._players("parameter_norm"), PARAMETERS),
            self._figure("Penalties", penalties, penalties_reading({line.label for line in penalties}), log=True),
            self._figure("Penalties of the way back", back, OF_THE_WAY_BACK + PENALTIES, log=True),
            self._figure("Penalty weights", weights, WEIGHTS),
            self._figure("Learning rates", _varying(self._players("learning_rate", schedule=True)), LEARNING_RATES),
            self._figure("Images per second", self._speed(), SPEED),
        ]
        return [figure for figure in figures if figure]

    def vitals(self) -> list[Markup]:
        """The figures of a probed run."""
        figures = [
            self._figure("Diversity", self._named("diversity"), VITALS["diversity"]),
            self._figure("Distance to the data", self._named("sample_distance"), VITALS["sample_distance"], log=True),
            self._figure("Ranking", self._named("overlap", "memorisation"), VITALS["overlap"], references=(0.5,)),
            self._figure("Signal", self._named("generator_signal"), VITALS["generator_signal"], log=True),
            self._figure("Own part of each update", self._players("own_ratio"), VITALS["own_ratio"], references=(0, 1)),
            self._figure("The other's part", self._players("other_ratio"), VITALS["other_ratio"], references=(0,)),
            self._figure("Before and after", self._players("successive_cosine"), VITALS["cosine"], references=(0,)),
        ]
        return [figure for figure in figures if figure]

    def _losses_reading(self, has_penalties: bool) -> Reading:
        """Of the loss alone, or of a run whose generator also wants what TERMS names."""
        if not any(name in self.left for _, names in TERMS.values() for name in names):
            return losses_reading(self.loss, has_penalties)
        return losses_of_terms_reading(self.loss, has_penalties, f"{BACK}real_logits" in self.left, self.has_adversary)

    def _terms(self) -> list[Markup]:
        """What a generator that starts from images wants beside the loss."""
        return [
            self._figure(title, self._named(*names), TERM_READINGS[reading], log=True)
            for title, (reading, names) in TERMS.items()
        ]

    def _named(self, *names: str) -> list[Line]:
        found = [(name, self._take(name)) for name in names]
        return [Line(series, title_case(name), OTHERS + i) for i, (name, series) in enumerate(found) if series]

    def others(self) -> list[Markup]:
        """A figure for each measure that no known figure took."""
        names = [name for name, series in self.left.items() if len(series.finite)]
        return [
            self._figure(title_case(name), [Line(self.left[name], name, OTHERS)], measure_reading(name))
            for name in names[:MOST_OTHERS]
        ]

    def undrawn(self) -> list[str]:
        """Names of measures that cannot be drawn: no finite value, or too many measures."""
        names = [name for name, series in self.left.items() if len(series.finite)]
        return [name for name, series in self.left.items() if not len(series.finite)] + names[MOST_OTHERS:]

    def _players(self, measure: str, schedule: bool = False) -> list[Line]:
        found = {player: self._take(f"{player}_{measure}") for player in PLAYERS}
        return [Line(series, *PLAYERS[player], schedule) for player, series in found.items() if series]

    def _logits(self, way: str = "") -> list[Line]:
        found = (("Real", REAL, self._take(f"{way}real_logits")), ("Generated", FAKE, self._take(f"{way}fake_logits")))
        return [Line(series, label, colour) for label, colour, series in found if series]

    def _take_penalties(self) -> list[Line]:
        names = [name for name in self.left if name.startswith("penalty_") and not name.startswith(WEIGHT)]
        return self._take_all(names, "penalty_", False)

    def _take_weights(self) -> list[Line]:
        names = [name for name in self.left if name.startswith(WEIGHT)]
        return _varying(self._take_all(names, f"{WEIGHT}_", True))

    def _take_all(self, names: list[str], prefix: str, schedule: bool) -> list[Line]:
        found = [(name.removeprefix(prefix), self._take(name)) for name in names]
        drawn = [(label, series) for label, series in found if series]
        return [Line(series, label, 5 + i % 4, schedule) for i, (label, series) in enumerate(drawn)]

    def _speed(self) -> list[Line]:
        series = self.times.get("images_per_second")
        return [Line(series, "Images per second", OTHERS)] if series and len(series.finite) else []

    def _take(self, name: str) -> Series | None:
        series = self.left.get(name)
        if series is None or not len(series.finite):
            return None
        return self.left.pop(name)

    def _figure(
        self, title: str, lines: list[Line], reading: str, log: bool = False, references: tuple[float, ...] = ()
    ) -> Markup:
        if not lines:
            return Markup()
        self.drawn += 1
        description = f"{title} over images seen"
        chart = line_chart(f"{self.prefix}{self.drawn}", lines, self.marks, log, references, description)
        return tag(
            "figure",
            tag("h3", title, tag("span", " log scale", class_="scale") if log else ""),
            self._legend(lines),
            chart.svg,
            tag("figcaption", reading, *_remarks(lines, chart)),
            class_="card curve",
        )

    def _legend(self, lines: list[Line]) -> Markup:
        keys = [
            (line.label, f"line-{line.colour}", "dashed" if hides(lines, place) else "", _last(line))
            for place, line in enumerate(lines)
        ]
        keys += [(kind, f"mark-{kind}", "dashed", "") for kind in self.marks if kind in MARK_COLOURS]
        return tag("ul", *(_key(*key) for key in keys), class_="legend")


def _varying(lines: list[Line]) -> list[Line]:
    """The lines if one of them moves: the settings say what constants are."""
    return lines if any(line.series.varies for line in lines) else []


def _key(label: str, colour: str, style: str, value: str) -> Markup:
    swatch = tag("i", class_=f"swatch {style}".strip(), style=f"border-color:var(--{colour})")
    return tag("li", swatch, label, tag("b", value) if value else "")


def _last(line: Line) -> str:
    return number(float(line.series.finite[-1]))


def _remarks(lines: list[Line], chart: Chart) -> list[str]:
    gaps = sum(line.series.gaps for line in lines)
    return [
        text
        for text, wanted in (
            (" Faint: each tick; strong: moving mean.", chart.is_smoothed),
            (f" {plural(chart.outside, 'extreme value')} outside the axis.", chart.outside),
            (f" {plural(gaps, 'value')} not finite: a gap in the line.", gaps),
        )
        if wanted
    ]


def vital_signs_section(record: RunRecord) -> Markup:
    """The probes' curves; empty for a run without probes."""
    figures = Curves(record, "probe").vitals()
    return tag("div", *figures, class_="charts") if figures else Markup()


def curves_sections(record: RunRecord) -> tuple[Markup, Markup]:
    """The curves, and the other measures; each empty where there is nothing to draw."""
    curves = Curves(record)
    known, others, undrawn = curves.known(), curves.others(), curves.undrawn()
    note = tag("p", f"Not drawn: {', '.join(undrawn)}.", class_="missing") if undrawn else Markup()
    return (
        tag("div", *known, class_="charts") if known else Markup(),
        join(tag("div", *others, class_="charts"), note) if others or undrawn else Markup(),
    )
