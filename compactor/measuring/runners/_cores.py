"""ARM cores that can be emulated, by what tells them from each other: identification and instruction sets.

Only named cores: qemu's `max` has matrix extensions (SME) for which onnxruntime takes other algorithms, with other answers.
"""

from __future__ import annotations

from dataclasses import dataclass

ARM_LTD = "0x41"


@dataclass(frozen=True)
class EmulatedCore:
    """One core as /proc/cpuinfo tells it; `part` and `features` decide which kernels onnxruntime takes."""

    title: str
    part: str
    variant: str
    revision: str
    features: str

    def cpuinfo(self) -> str:
        """Return the text of /proc/cpuinfo. It must match the emulated core: onnxruntime believes it and would run into SIGILL."""
        return (
            f"processor\t: 0\nBogoMIPS\t: 100.00\nFeatures\t: {self.features}\nCPU implementer\t: {ARM_LTD}\n"
            f"CPU architecture: 8\nCPU variant\t: {self.variant}\nCPU part\t: {self.part}\nCPU revision\t: {self.revision}\n\n"
        )


CORES = {
    # Raspberry Pi 5, RK3588: 8-bit dot products (asimddp).
    "cortex-a76": EmulatedCore(
        "Cortex-A76",
        "0xd0b",
        "0x4",
        "1",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
    # Raspberry Pi 4: none, and no AES either.
    "cortex-a72": EmulatedCore("Cortex-A72", "0xd08", "0x0", "3", "fp asimd evtstrm crc32 cpuid"),
}
