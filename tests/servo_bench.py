"""A host without a port: writes to an emulated line and reads what came back, in its own time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.dynamixel import registers as reg
from drivers.dynamixel.packets import Packet, PacketReader, read, write
from drivers.dynamixel.profile import Gripper, Motor, Profile
from drivers.dynamixel.registers import Register
from simulation.servos.adapter import Adapter
from simulation.servos.first_order import FirstOrder, Shaft
from simulation.servos.line import Line
from simulation.servos.servo import Servo

MS = 1_000_000

PROFILE = Profile(
    port="/dev/ttyDXL_test",
    motors={
        "waist": Motor(id=1, model="XM540-W270"),
        "shoulder": Motor(id=2, shadow=3, model="XM540-W270", reversed=True, ticks=(841, 2867)),
        "wrist": Motor(id=7, model="XL430-W250"),
        "gripper": Motor(id=9, model="XM430-W350", current_limit=200),
    },
    gripper=Gripper(
        horn_m=0.022,
        rod_m=0.036,
        closed_m=0.018,
        open_m=0.058,
        closed_rad=-0.6,
        open_rad=1.5,
    ),
)


def one(model: str = "XM430-W350", **settings: int) -> Servo:
    """Return a servo with id 1, and EEPROM registers as named in `settings`."""
    by_name = {register.name: register for register in reg.CONTROL_TABLE}
    named = {by_name[name]: value for name, value in settings.items()}
    return Servo(reg.MODELS[model], {reg.ID: 1, reg.RETURN_DELAY_TIME: 0, **named})


class Host:
    """Talks to a line of servos on shafts without physics; `now_ns` is its clock."""

    def __init__(
        self,
        servos: Iterable[Servo] = (),
        shafts: Iterable[Shaft] = (),
        plant: FirstOrder | None = None,
        baud: int = 1_000_000,
        latency_timer_ms: int = 1,
    ) -> None:
        self.servos = list(servos) or [one()]
        turned = list(shafts) or [Shaft({servo.motor.shaft: 1}) for servo in self.servos]
        self.plant = plant or FirstOrder(turned)
        self.line = Line(self.servos, self.plant, Adapter(baud, latency_timer_ms))
        self.now_ns = 7 * MS
        self.line.due(self.now_ns)

    def wait(self, seconds: float) -> list[Packet]:
        """Let time pass as a port does, tick by tick; return what came meanwhile."""
        end_ns = self.now_ns + int(seconds * 1e9)
        reader, packets = PacketReader(), []
        while self.now_ns < end_ns:
            next_ns = self.line.next_ns
            self.now_ns = end_ns if next_ns is None else min(max(next_ns, self.now_ns + 1), end_ns)
            packets += reader.feed(self.line.due(self.now_ns))
        return packets

    def ask(self, instruction: bytes, wait_s: float = 0.009) -> list[Packet]:
        """Write an instruction; return all answers of the next few milliseconds."""
        self.line.receive(instruction, self.now_ns)
        return self.wait(wait_s)

    def get(self, register: Register, servo: int = 1) -> int:
        """Read a register."""
        (answer,) = self.ask(read(servo, register.address, register.size))
        if answer.error & ~reg.ALERT:
            raise ValueError(f"servo {servo} refused to read {register.name}: {answer.error}")
        return register.unpacked(answer.data)

    def put(self, register: Register, value: int, servo: int = 1) -> int:
        """Write a register; return the error byte."""
        (answer,) = self.ask(write(servo, register.address, register.packed(value)))
        return answer.error

    def put_all(self, values: Mapping[Register, int], servo: int = 1) -> None:
        """Write registers of which each is accepted."""
        for register, value in values.items():
            if error := self.put(register, value, servo):
                raise ValueError(f"servo {servo} refused {register.name} = {value}: {error}")

    def turn_on(self, goal: int | None = None) -> None:
        """Switch the torque of servo 1 on, and send it to a goal."""
        self.put_all({reg.TORQUE_ENABLE: 1})
        if goal is not None:
            self.put_all({reg.GOAL_POSITION: goal})
