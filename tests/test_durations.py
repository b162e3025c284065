from utilities.durations import duration


def test_durations_are_for_people():
    assert [duration(s) for s in (45, 720, 11_100)] == ["45 s", "12 min", "3 h 05 min"]
