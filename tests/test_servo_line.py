"""A bus of servos: who answers in which order, and when it reaches the host."""

from __future__ import annotations

import struct

import pytest
from servo_bench import MS, PROFILE, Host, one

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import (
    BROADCAST,
    Instruction,
    Packet,
    PacketReader,
    bulk_read,
    encoded,
    fast_answers,
    fast_sync_read,
    ping,
    read,
    reboot,
    sync_read,
    sync_write,
    write,
)
from simulation.servos.adapter import Direct
from simulation.servos.first_order import FirstOrder, Shaft
from simulation.servos.line import Line
from simulation.servos.servo import servos_of

BYTE_NS = 10_000  # at 1 Mbps


def three(latency_timer_ms: int = 1) -> Host:
    return Host([one(ID=number) for number in (1, 2, 3)], latency_timer_ms=latency_timer_ms)


def arm() -> Host:
    return Host(servos_of(PROFILE), plant=FirstOrder.of(PROFILE))


def arrivals(host: Host, instruction: bytes) -> list[tuple[int, int]]:
    """Return when something came, in ns after the instruction was written, and how many bytes."""
    start_ns = host.now_ns
    host.line.receive(instruction, start_ns)
    came: list[tuple[int, int]] = []
    while (next_ns := host.line.next_ns) is not None and next_ns < start_ns + 9 * MS:
        host.now_ns = max(next_ns, host.now_ns)
        if data := host.line.due(host.now_ns):
            came.append((host.now_ns - start_ns, len(data)))
    return came


# -- many servos ---------------------------------------------------------------------------------


def test_a_broadcast_ping_is_answered_by_all_in_the_order_of_their_ids() -> None:
    host = Host([one(ID=number) for number in (7, 2, 5)])
    assert [answer.id for answer in host.ask(ping(BROADCAST))] == [2, 5, 7]


@pytest.mark.parametrize("build", [write(BROADCAST, 65, b"\1"), sync_write(65, {1: b"\1"})])
def test_writes_to_many_are_executed_without_an_answer(build: bytes) -> None:
    host = three()
    assert host.ask(build) == []
    assert host.get(reg.LED) == 1


def test_a_broadcast_read_is_not_answered() -> None:
    assert three().ask(read(BROADCAST, 132, 4)) == []


def test_a_sync_read_is_answered_in_the_order_of_its_list() -> None:
    assert [answer.id for answer in three().ask(sync_read(132, 4, [3, 1, 2]))] == [3, 1, 2]


def test_whoever_is_missing_in_a_sync_read_silences_those_behind() -> None:
    assert [answer.id for answer in three().ask(sync_read(132, 4, [1, 42, 2]))] == [1]


def test_a_bulk_read_asks_each_for_something_else() -> None:
    answers = three().ask(bulk_read([(1, 144, 2), (3, 146, 1)]))
    assert [(answer.id, answer.data) for answer in answers] == [(1, b"\x78\0"), (3, b"\x19")]


def test_a_bulk_write_tells_each_something_else() -> None:
    host = three()
    params = struct.pack("<BHHB", 1, 65, 1, 1) + struct.pack("<BHHi", 2, 116, 4, 3000)
    assert host.ask(encoded(Packet(BROADCAST, Instruction.BULK_WRITE, params))) == []
    assert host.get(reg.LED, 1) == 1
    assert host.get(reg.GOAL_POSITION, 2) == 3000


def test_a_fast_sync_read_is_one_common_answer() -> None:
    host = three()
    (answer,) = host.ask(fast_sync_read(132, 4, [3, 1]))
    middle = (2048).to_bytes(4, "little")
    assert fast_answers(answer, 4) == [(3, 0, middle), (1, 0, middle)]


def test_a_fast_bulk_read_is_one_common_answer() -> None:
    host = three()
    params = struct.pack("<BHHBHH", 1, 144, 2, 2, 144, 2)
    (answer,) = host.ask(encoded(Packet(BROADCAST, Instruction.FAST_BULK_READ, params)))
    assert fast_answers(answer, 2) == [(1, 0, b"\x78\0"), (2, 0, b"\x78\0")]


def test_a_fast_answer_breaks_off_where_a_servo_is_missing() -> None:
    host = three()
    whole = arrivals(host, fast_sync_read(132, 4, [1, 2, 3]))
    broken = arrivals(host, fast_sync_read(132, 4, [1, 42, 3]))
    assert sum(count for _, count in whole) == 8 + 3 * 8
    assert sum(count for _, count in broken) == 8 + 8


def test_an_alert_shows_in_sync_and_fast_answers() -> None:
    host = three()
    host.line.faults.happen("overload", 2)
    host.wait(0.02)
    errors = [answer.error for answer in host.ask(sync_read(132, 4, [1, 2, 3]))]
    assert errors == [0, reg.ALERT, 0]
    (fast,) = host.ask(fast_sync_read(132, 4, [1, 2, 3]))
    assert [error for _, error, _ in fast_answers(fast, 4)] == [0, reg.ALERT, 0]


# -- shadows -------------------------------------------------------------------------------------


def test_a_shadow_obeys_its_masters_id_in_silence() -> None:
    host = arm()
    assert [answer.id for answer in host.ask(write(2, 64, b"\1"))] == [2]
    assert host.get(reg.TORQUE_ENABLE, 3) == 1
    host.ask(sync_write(116, {2: (2500).to_bytes(4, "little")}))
    assert host.get(reg.GOAL_POSITION, 3) == 2500
    host.wait(1.0)
    assert host.get(reg.PRESENT_POSITION, 2) == host.get(reg.PRESENT_POSITION, 3) == 2500


def test_the_eeprom_of_a_shadow_cannot_be_written_by_its_masters_id() -> None:
    host = arm()
    assert host.put(reg.HOMING_OFFSET, 9, 2) == 0
    assert host.get(reg.HOMING_OFFSET, 3) == 0


def test_a_pair_that_disagrees_fights() -> None:
    host = arm()
    host.put_all({reg.HOMING_OFFSET: 20}, 3)
    host.put_all({reg.TORQUE_ENABLE: 1, reg.GOAL_POSITION: 2048}, 2)
    host.wait(0.5)
    master, shadow = (host.get(reg.PRESENT_CURRENT, number) for number in (2, 3))
    assert master * shadow < 0
    assert min(abs(master), abs(shadow)) > 50


def test_a_servo_is_found_under_its_new_id() -> None:
    host = Host()
    assert [answer.id for answer in host.ask(write(1, 7, b"\5"))] == [1]
    assert host.ask(ping(1)) == []
    assert [answer.id for answer in host.ask(ping(5))] == [5]


def test_two_servos_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match=r"different ids, got \[1, 1\]"):
        Line([one(), one()], FirstOrder([]))


# -- time ----------------------------------------------------------------------------------------


def test_an_answer_takes_its_time_on_the_wire() -> None:
    host = Host(latency_timer_ms=0)
    ((came_ns, count),) = arrivals(host, ping(1))
    wire_ns = (10 + count) * BYTE_NS
    assert came_ns == wire_ns + 2 * 125_000 + 25_000


@pytest.mark.parametrize(("baud", "share"), [(2_000_000, 0.5), (4_000_000, 0.25)])
def test_a_faster_wire_takes_less(baud: int, share: float) -> None:
    host = Host(baud=baud, latency_timer_ms=0)
    ((came_ns, count),) = arrivals(host, ping(1))
    assert came_ns == pytest.approx((10 + count) * BYTE_NS * share + 275_000, abs=10)


def test_the_return_delay_is_waited_for() -> None:
    quick = arrivals(Host(latency_timer_ms=0), ping(1))[0][0]
    slow = arrivals(Host([one(Return_Delay_Time=250)], latency_timer_ms=0), ping(1))[0][0]
    assert slow - quick == 500_000


@pytest.mark.parametrize("timer_ms", [1, 4])
def test_the_adapter_holds_bytes_back_until_its_timer(timer_ms: int) -> None:
    direct = arrivals(Host(latency_timer_ms=0), ping(1))
    held = arrivals(Host(latency_timer_ms=timer_ms), ping(1))
    assert sum(count for _, count in held) == sum(count for _, count in direct)
    first_byte_ns = direct[0][0] - 13 * BYTE_NS
    assert held[-1][0] == first_byte_ns + timer_ms * MS


def test_a_full_buffer_does_not_wait_for_the_timer() -> None:
    host = Host([one(ID=number) for number in range(1, 8)], latency_timer_ms=16)
    came = arrivals(host, sync_read(0, 120, list(range(1, 8))))
    assert came[0][1] == 510
    assert came[0][0] < 7 * MS


def test_a_cycle_of_an_arm_takes_what_the_bus_budget_says() -> None:
    host = Host([one(ID=number) for number in range(1, 8)])
    came = arrivals(host, sync_read(126, 10, list(range(1, 8))))
    assert sum(count for _, count in came) == 7 * 21
    assert 1.68 * MS < came[-1][0] < 1.68 * MS + 7 * 25_000 + 250_000 + 1 * MS


def test_pieces_that_follow_each_other_closely_are_handed_out_together() -> None:
    request = sync_read(224, 17, list(range(1, 8)))
    host = Host([one(ID=number) for number in range(1, 8)])
    host.line.receive(request, host.now_ns)
    times_ns = range(host.now_ns, host.now_ns + 9 * MS, BYTE_NS)
    came = [now_ns - host.now_ns for now_ns in times_ns if host.line.due(now_ns)]
    together = arrivals(Host([one(ID=number) for number in range(1, 8)]), request)
    assert len(came) == 3
    assert [came_ns for came_ns, _ in together] == pytest.approx(came[1:], abs=BYTE_NS)
    assert came[1] - came[0] < 1.1 * MS


def test_the_second_answer_waits_for_the_first() -> None:
    host = three(latency_timer_ms=0)
    came = arrivals(host, ping(1) + ping(2))
    assert came[1][0] - came[0][0] == 14 * BYTE_NS + 25_000


def test_reboots_of_all_silence_the_line() -> None:
    host = three()
    assert host.ask(reboot(BROADCAST)) == []
    assert host.ask(ping(BROADCAST)) == []
    host.wait(0.25)
    assert len(host.ask(ping(BROADCAST))) == 3


def test_a_line_that_nobody_spoke_to_yet_wants_nothing() -> None:
    assert Line([one()], FirstOrder([])).next_ns is None


def test_instructions_may_come_in_pieces_and_among_garbage() -> None:
    host = three()
    stream = b"\xff\xff\xfd\0garbage" + ping(2) + b"\xff\xff"
    for byte in stream[:-1]:
        host.line.receive(bytes((byte,)), host.now_ns)
    assert [answer.id for answer in host.wait(0.01)] == [2]


# -- without a wire ------------------------------------------------------------------------------


def unwired(*ids: int) -> Line:
    plant = FirstOrder([Shaft({number: 1}) for number in ids])
    line = Line([one(ID=number) for number in ids], plant, Direct())
    assert not line.due(MS)  # the first call gives power
    return line


def test_without_a_wire_all_answers_are_there_at_once_in_their_order() -> None:
    line = unwired(3, 1, 2)
    line.receive(ping(BROADCAST), 2 * MS)
    assert line.next_ns == 2 * MS
    assert [packet.id for packet in PacketReader().feed(line.due(2 * MS))] == [1, 2, 3]
    assert not line.due(3 * MS)


def test_without_a_wire_a_late_answer_is_late_and_holds_up_no_later_question() -> None:
    line = unwired(1, 2)
    line.faults.spoil("late", 1, by_ns=5 * MS)
    line.receive(ping(1), 2 * MS)
    line.receive(ping(2), 3 * MS)
    assert [packet.id for packet in PacketReader().feed(line.due(3 * MS))] == [2]
    assert [packet.id for packet in PacketReader().feed(line.due(7 * MS))] == [1]
