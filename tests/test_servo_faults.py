"""Faults on request: what the host sees, what the motors do, and that it ends."""

from __future__ import annotations

import pytest
from servo_bench import MS, PROFILE, Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import (
    PacketReader,
    fast_sync_read,
    ping,
    read,
    sync_read,
    sync_write,
    write,
)
from simulation.servos.faults import ALWAYS, Spoiling
from simulation.servos.first_order import FirstOrder, Shaft
from simulation.servos.servo import servos_of

pytestmark = pytest.mark.alone

ALL = (1, 2, 3)
POSITIONS = sync_read(132, 4, ALL)


def three() -> Host:
    return Host([one(ID=number) for number in ALL])


def heard(host: Host, instruction: bytes = POSITIONS) -> list[int]:
    return [answer.id for answer in host.ask(instruction)]


def test_without_faults_all_answer() -> None:
    assert heard(three()) == [1, 2, 3]


def test_a_late_answer_comes_later_and_does_not_hold_up_the_next_transaction() -> None:
    host = three()
    host.line.faults.spoil("late", by_ns=40 * MS)
    assert host.ask(read(1, 132, 4)) == []
    assert heard(host, ping(2)) == [2]
    assert heard(host, ping(3)) == [3]
    assert [answer.id for answer in host.wait(0.03)] == [1]
    assert heard(host, ping(1)) == [1]


def test_a_late_servo_holds_up_those_behind_it_in_a_sync_read() -> None:
    host = three()
    host.line.faults.spoil("late", 2, by_ns=40 * MS)
    assert heard(host) == [1]
    assert [answer.id for answer in host.wait(0.04)] == [2, 3]


def test_lost_answers_are_counted_down() -> None:
    host = three()
    host.line.faults.spoil("lost", 2, count=2)
    assert [heard(host) for _ in range(3)] == [[1, 3], [1, 3], [1, 2, 3]]


def test_a_fault_of_any_servo_hits_whoever_answers_next() -> None:
    host = three()
    host.line.faults.spoil("lost")
    assert heard(host) == [2, 3]


def test_a_truncated_answer_breaks_off() -> None:
    host = three()
    host.line.faults.spoil("truncated", 2)
    host.line.receive(POSITIONS, host.now_ns)
    stream = host.line.due(host.now_ns + 9 * MS)
    assert len(stream) == 15 + 7 + 15
    assert [answer.id for answer in PacketReader().feed(stream)] == [1, 3]


def test_corrupt_bytes_are_as_many_as_asked_for() -> None:
    host = three()
    host.line.faults.spoil("corrupt", count=ALWAYS, share=0.01)
    clean = three()
    wrong = total = 0
    for _ in range(200):
        streams = []
        for side in (host, clean):
            side.line.receive(POSITIONS, side.now_ns)
            side.now_ns += 10 * MS
            streams.append(side.line.due(side.now_ns))
        assert len(streams[0]) == len(streams[1])
        wrong += sum(a != b for a, b in zip(*streams, strict=True))
        total += len(streams[0])
    assert 0.005 < wrong / total < 0.02


@pytest.mark.parametrize(
    ("how", "share"), [("lost", 0.3), ("truncated", 0.3), ("late", 0.3), ("corrupt", 0.03)]
)
def test_a_share_hits_some_answers_and_clearing_ends_it(how: Spoiling, share: float) -> None:
    host = three()
    host.line.faults.spoil(how, 2, count=ALWAYS, share=share, by_ns=50 * MS)
    rounds = [2 in heard(host) for _ in range(40)]
    assert 0 < sum(rounds) < 40
    host.line.faults.clear()
    host.wait(0.1)
    assert heard(host) == [1, 2, 3]


def test_a_fast_answer_can_be_spoiled() -> None:
    host = three()
    host.line.faults.spoil("lost", 1)
    assert host.ask(fast_sync_read(132, 4, ALL)) == []
    assert len(host.ask(fast_sync_read(132, 4, ALL))) == 1


def test_a_fast_answer_breaks_off_at_a_silent_servo() -> None:
    host = three()
    host.line.faults.silence(2)
    host.line.receive(fast_sync_read(132, 4, ALL), host.now_ns)
    assert len(host.line.due(host.now_ns + 9 * MS)) == 8 + 8


def test_a_silent_servo_obeys_and_lets_others_answer() -> None:
    host = three()
    host.line.faults.silence(2)
    assert heard(host) == [1, 3]
    assert heard(host, write(2, 65, b"\1")) == []
    assert host.line.servos[2].table[reg.LED] == 1


def test_a_broken_chain_silences_those_behind_and_obeys_nothing() -> None:
    host = three()
    host.line.faults.break_chain(2)
    assert heard(host) == [1]
    host.ask(sync_write(65, dict.fromkeys(ALL, b"\1")))
    assert [host.line.servos[number].table[reg.LED] for number in ALL] == [1, 0, 1]
    assert host.get(reg.LED, 3) == 1


@pytest.mark.parametrize(("mishap", "bit"), [("overload", 5), ("overheating", 2)])
def test_an_overload_or_overheating_latches_and_lets_go(mishap: str, bit: int) -> None:
    host = three()
    host.put_all({reg.TORQUE_ENABLE: 1}, 2)
    host.line.faults.happen(mishap, 2)  # type: ignore[arg-type]
    host.wait(0.02)
    assert [answer.error for answer in host.ask(POSITIONS)] == [0, reg.ALERT, 0]
    assert host.get(reg.HARDWARE_ERROR_STATUS, 2) == 1 << bit
    assert host.get(reg.TORQUE_ENABLE, 2) == 0
    assert host.plant.shafts[1].drives[2].kind == "limp"


def test_a_brown_out_reboots_without_a_word() -> None:
    host = three()
    host.put_all({reg.TORQUE_ENABLE: 1, reg.POSITION_P_GAIN: 100}, 2)
    host.wait(0.3)
    host.line.faults.happen("brown_out", 2)
    assert heard(host) == [1]
    host.wait(0.25)
    assert heard(host) == [1, 2, 3]
    assert host.get(reg.TORQUE_ENABLE, 2) == 0
    assert host.get(reg.POSITION_P_GAIN, 2) == 800
    assert host.get(reg.REALTIME_TICK, 1) - host.get(reg.REALTIME_TICK, 2) > 200


def test_a_servo_that_torqued_itself_off_raises_no_alert() -> None:
    host = three()
    host.put_all({reg.TORQUE_ENABLE: 1}, 2)
    host.line.faults.happen("torque_off", 2)
    host.wait(0.02)
    assert [answer.error for answer in host.ask(POSITIONS)] == [0, 0, 0]
    assert host.get(reg.TORQUE_ENABLE, 2) == 0


def test_without_power_all_are_silent_and_limp_and_come_back_rebooted() -> None:
    plant = FirstOrder([Shaft({number: 1}, sag_rad_s=-0.5) for number in ALL])
    host = Host([one(ID=number) for number in ALL], plant=plant)
    for number in ALL:
        host.put_all({reg.TORQUE_ENABLE: 1}, number)
    host.wait(0.5)
    assert all(abs(shaft.position_rad) < 0.01 for shaft in plant.shafts)
    host.line.faults.powered = False
    host.wait(0.5)
    assert heard(host) == []
    assert all(shaft.position_rad < -0.2 for shaft in plant.shafts)
    host.line.faults.powered = True
    host.wait(0.1)
    assert heard(host) == []
    host.wait(0.2)
    assert heard(host) == [1, 2, 3]
    assert [host.get(reg.TORQUE_ENABLE, number) for number in ALL] == [0, 0, 0]


def test_a_second_master_is_heard_with_its_answers() -> None:
    host = three()
    host.line.faults.chatter_hz = 50.0
    packets = host.wait(1.0)
    questions = [packet for packet in packets if packet.instruction == 2]
    answers = [packet for packet in packets if packet.instruction == 0x55]
    assert 45 <= len(questions) <= 51
    assert {packet.id for packet in packets} == {1}
    assert len(answers) == pytest.approx(len(questions), abs=1)


def test_what_happens_without_power_stays_without_effect() -> None:
    host = three()
    host.line.faults.powered = False
    host.line.faults.happen("brown_out", 2)
    host.wait(0.3)
    assert heard(host) == []


def test_a_fault_of_a_servo_that_is_not_there_is_refused() -> None:
    faults = Host(servos_of(PROFILE), plant=FirstOrder.of(PROFILE)).line.faults
    refusal = r"no servo 8 on this line, it has \[1, 2, 3, 7, 9\]"
    with pytest.raises(ValueError, match=refusal):
        faults.happen("overload", 8)
    with pytest.raises(ValueError, match=refusal):
        faults.silence(1, 8)
    with pytest.raises(ValueError, match=refusal):
        faults.break_chain(8)
    with pytest.raises(ValueError, match=refusal):
        faults.spoil("lost", 8)
    assert faults.silent == frozenset()


def test_a_renamed_servo_keeps_its_faults() -> None:
    host = three()
    host.line.faults.silence(2)
    host.ask(write(2, 7, b"\5"))
    assert heard(host, ping(5)) == []
    host.line.faults.happen("overload", 2)
    host.line.faults.clear()
    host.line.faults.happen("torque_off", 2)
    assert heard(host, ping(5)) == [5]
