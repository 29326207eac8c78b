"""How fast a device computes, for estimates: constants measured on it, or ranges that were published for its class of chip."""

from __future__ import annotations

from pydantic import model_validator

from compactor.base.settings import Settings, setting

Range = tuple[float, float]


class Calibration(Settings):
    """Seconds that each unit of work takes, found by `compactor targets calibrate` on the device itself."""

    machine: str = setting(doc="the processor that it was taken on")
    instructions: tuple[str, ...] = setting((), doc="its instruction sets")
    evidence: str = setting(doc="measured, or proxy when that machine is not quite the target", pattern="^(measured|proxy)$")
    provider: str = setting(doc="onnxruntime execution provider")
    threads: int = setting(doc="threads of one session", ge=1)
    onnxruntime: str = setting(doc="version of the runtime")
    taken: str = setting(doc="when, in UTC")
    worst_error: float = setting(
        doc="largest relative error on the small models that it was taken from, each left out in turn", ge=0
    )
    seconds: dict[str, float] = setting(doc="by unit of work, see compactor/measuring/estimate/work.py")


class Speed(Settings):
    """What is published of a class of chip, for all threads together; each figure names its source."""

    threads: int = setting(doc="threads that the rates are of", ge=1)
    fp32_gmac_per_s: Range = setting(doc="10^9 multiply-adds a second in floats, slowest and fastest")
    int8_gmac_per_s: Range = setting(doc="the same in 8 bits")
    gb_per_s: float = setting(doc="10^9 bytes a second from memory, at the least", gt=0)
    node_us: float = setting(doc="microseconds to start one kernel, at the most", ge=0)
    sources: dict[str, str] = setting(doc="by figure: who published it; where nobody did, why it is as wide as it is")

    @model_validator(mode="after")
    def _each_has_a_source(self) -> Speed:
        figures = ("fp32_gmac_per_s", "int8_gmac_per_s", "gb_per_s", "node_us")
        if missing := [name for name in figures if not self.sources.get(name)]:
            raise ValueError(f"sources does not say where {', '.join(missing)} comes from")
        for name in figures[:2]:
            slowest, fastest = getattr(self, name)
            if not 0 < slowest <= fastest:
                raise ValueError(f"{name} must be [slowest, fastest] above 0")
        return self
