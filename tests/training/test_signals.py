"""Signals as a request."""

import os
import signal
import threading

import pytest

from nablagan.training.signals import Signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered_and_handlers_come_back(number: int):
    before = signal.getsignal(number)
    with Signals() as signals:
        assert signals.received == 0
        os.kill(os.getpid(), number)
        assert signals.received == number
        other = ({signal.SIGINT, signal.SIGTERM} - {number}).pop()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), other)
        assert signals.received == number
    assert signal.getsignal(number) is before


def test_it_is_inert_outside_the_main_thread():
    heard = []

    def work() -> None:
        with Signals() as signals:
            heard.append(signals.received)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert heard == [0]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
        assert signals.received == 0
    finally:
        signal.signal(signal.SIGHUP, before)
