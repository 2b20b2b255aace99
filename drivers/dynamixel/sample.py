"""What every cycle reads of each motor, in one piece, and when the motor sampled it."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from drivers.dynamixel.registers import (
    HARDWARE_ERROR_STATUS,
    INDIRECT_ADDRESS,
    INDIRECT_DATA,
    PRESENT_CURRENT,
    PRESENT_INPUT_VOLTAGE,
    PRESENT_POSITION,
    PRESENT_TEMPERATURE,
    PRESENT_VELOCITY,
    REALTIME_TICK,
    TICK_CYCLE_MS,
    TORQUE_ENABLE,
    Register,
)

# Of each register so many low bytes: what a joint can say fits in them, and each byte of a sample
# costs a bus of seven motors 70 us a cycle.
_FIELDS: Final = (
    (TORQUE_ENABLE, 1),
    (HARDWARE_ERROR_STATUS, 1),
    (REALTIME_TICK, 2),
    (PRESENT_CURRENT, 2),
    (PRESENT_VELOCITY, 2),
    (PRESENT_POSITION, 2),
    (PRESENT_INPUT_VOLTAGE, 1),
    (PRESENT_TEMPERATURE, 1),
)
_LAYOUT: Final = struct.Struct("<BBHhhhBB")
_MS: Final = 1_000_000
_HALF_CYCLE_MS: Final = TICK_CYCLE_MS // 2
# Of a motor's clock. Names of the module, as those of a class take longer to find, at each answer.
_DRIFT: Final = 0.02  # greatest part by which a motor's clock is taken to be fast or slow
# The same while late answers come: no quartz drifts as much, and a bus that has become slow
# for good is not to be believed before long.
_DRIFT_WHEN_LATE: Final = 0.001
_SILENCE_NS: Final = 100 * _MS
_BLUR_NS: Final = 2 * _MS  # the tick's own step, and a way that was never quite the quickest
_AGREE_NS: Final = 3 * _MS
_LATEST_NS: Final = 1000 * _MS  # answers may come
_TOO_FAST_NS: Final = 50 * _MS  # no answer beats the quickest by as much

SAMPLE_ADDRESS: Final = INDIRECT_DATA[0].address
SAMPLE_BYTES: Final = _LAYOUT.size
# Of each byte of a sample, where in the control table it stands.
MAPPING: Final = b"".join(
    (field.address + i).to_bytes(2, "little") for field, size in _FIELDS for i in range(size)
)
# The indirect addresses that say so, read and written as one value.
MAPPED: Final = Register("Indirect_Addresses", INDIRECT_ADDRESS[0].address, len(MAPPING))


class Sample(NamedTuple):
    """A motor's state in register units."""

    torque: int  # 1: on
    hardware_error: int
    tick_ms: int  # the motor's own clock, modulo TICK_CYCLE_MS
    current: int
    velocity: int
    position: int
    voltage: int  # 0.1 V
    temperature: int  # deg C


def sample(data: bytes) -> Sample | None:
    """Return what SAMPLE_BYTES bytes read at SAMPLE_ADDRESS say.

    None if they are no sample: a motor that restarted has lost its mapping.
    """
    taken = tuple.__new__(Sample, _LAYOUT.unpack(data))  # Sample() itself would be one call more
    return taken if taken.voltage > 0 else None  # no motor answers without any


class MotorClock:
    """Turns a motor's Realtime_Tick into the station's time, and tells late answers by it.

    The quickest of the answers heard so far gives the offset between both clocks: any other took
    longer on its way. It may grow slowly again, since no two clocks run alike.

    An answer that may be late is refused however often it agrees with others: a bus may become slow
    for good, and its answers stale alike. What no lateness explains is a motor's new start.
    """

    def __init__(self) -> None:
        self._tick_ms = 0  # of the newest answer, not modulo anything
        self._heard_ns = 0
        self._offset_ns: int | None = None
        self._slack_ns = 0  # by how much the offset may have grown since the newest answer
        self._slack_from_ns = 0
        self._late = False  # whether a late answer came since then
        self._refused: tuple[int, int] | None = None  # tick and time of the last refusal

    def sampled_ns(self, tick_ms: int, heard_ns: int, asked_ns: int) -> int | None:
        """Return when a sample was taken, None if that was before `asked_ns`: it is a late answer.

        Two answers in a row that agree with each other, but are not late by the clock, nor fit it
        otherwise, mean that the motor has started anew; they set the clock.

        Args:
            tick_ms: the sample's Realtime_Tick.
            heard_ns: when the answer came, on the station's clock.
            asked_ns: when it was asked for.
        """
        offset_ns = self._offset_ns
        if offset_ns is None:
            return self._set(tick_ms, heard_ns)
        # The tick that is `tick_ms` modulo its cycle and nearest to the time passed.
        expected = self._tick_ms + (heard_ns - self._heard_ns) // _MS
        tick = expected + (tick_ms - expected + _HALF_CYCLE_MS) % TICK_CYCLE_MS - _HALF_CYCLE_MS
        # By how much the offset may have grown since then.
        passed_ns, self._slack_from_ns = heard_ns - self._slack_from_ns, heard_ns
        slow = self._late and passed_ns < _SILENCE_NS
        slack_ns = self._slack_ns + int((_DRIFT_WHEN_LATE if slow else _DRIFT) * passed_ns)
        self._slack_ns = slack_ns
        quickest_ns = offset_ns + slack_ns
        now_offset_ns = heard_ns - tick * _MS
        if now_offset_ns > quickest_ns:
            now_offset_ns = quickest_ns
        sampled_ns = tick * _MS + now_offset_ns
        late_ns = asked_ns - _BLUR_NS - sampled_ns
        if 0 < late_ns < _LATEST_NS:
            self._late = True
            return None
        if late_ns > 0 or now_offset_ns < offset_ns - slack_ns - _TOO_FAST_NS:
            return self._doubted(tick_ms, heard_ns)
        self._tick_ms, self._heard_ns, self._offset_ns = tick, heard_ns, now_offset_ns
        self._slack_ns, self._late, self._refused = 0, False, None
        return sampled_ns

    def _doubted(self, tick_ms: int, heard_ns: int) -> int | None:
        before, self._refused = self._refused, (tick_ms, heard_ns)
        if before is None:
            return None
        between_ns = heard_ns - before[1]
        ticks_ns = (tick_ms - before[0]) % TICK_CYCLE_MS * _MS
        if ticks_ns >= _AGREE_NS and abs(ticks_ns - between_ns) < _AGREE_NS:
            return self._set(tick_ms, heard_ns)
        return None

    def _set(self, tick_ms: int, heard_ns: int) -> int:
        self._tick_ms, self._heard_ns = tick_ms, heard_ns
        self._offset_ns = heard_ns - tick_ms * _MS
        self._slack_from_ns = heard_ns
        self._slack_ns, self._late, self._refused = 0, False, None
        return heard_ns
