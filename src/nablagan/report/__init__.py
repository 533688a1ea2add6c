"""The report of a run: one HTML page, drawn from nothing but the run directory."""

from nablagan.report.page import write_page, write_report
from nablagan.report.record import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "write_page", "write_report"]
