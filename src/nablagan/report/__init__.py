"""The report of a run: one HTML page, drawn from nothing but the run directory."""

from nablagan.report.doctor import probes_share, standing, verdict
from nablagan.report.evaluation_course import evaluations_told
from nablagan.report.page import write_page, write_report
from nablagan.report.record import RunRecord, read_run

__all__ = [
    "RunRecord",
    "evaluations_told",
    "probes_share",
    "read_run",
    "standing",
    "verdict",
    "write_page",
    "write_report",
]
