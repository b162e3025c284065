import pytest

from utilities.optimizer import WarmupCosine


def test_the_rate_rises_then_falls():
    schedule = WarmupCosine(1.0, 1000)
    rates = [float(schedule(step)) for step in (0, 25, 50, 525, 1000)]
    assert rates[0] < rates[1] < rates[2] == pytest.approx(1.0, abs=0.01)
    assert rates[2] > rates[3] > rates[4] == pytest.approx(0.01, abs=1e-3)
