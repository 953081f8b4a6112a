"""What the system says, read from folders that are made up: each kernel, container and gap tells its own."""

import os
from pathlib import Path

import pytest

from paceline.records.machine import Machine
from paceline.sysmon.machine import Counters, read_counters, read_machine

CORES = "sys/devices/system/cpu"
CLOCKS = "sys/devices/system/clocksource/clocksource0"


def system(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    machine = read_machine(tmp_path)
    assert machine == Machine(
        cores_online=os.cpu_count(),
        cores_usable=machine.cores_usable,
        open_files=machine.open_files,
        open_files_most=machine.open_files_most,
    )
    assert read_counters(tmp_path) == Counters()


def test_this_one_says_something() -> None:
    machine, counters = read_machine(), read_counters()
    assert machine.cores_online
    assert machine.load_1min is not None
    assert counters.switches is None or counters.switches > 0


def test_a_system_that_may_not_be_read(tmp_path: Path) -> None:
    # A folder where a file is expected: any reading of it fails.
    for name in (f"{CLOCKS}/current_clocksource", "proc/stat", "proc/loadavg", "proc/self/cgroup", "proc/cpuinfo"):
        (tmp_path / name).mkdir(parents=True)
    machine = read_machine(tmp_path)
    assert (machine.clock_source, machine.load_1min, machine.has_cpu_quota, machine.hypervisor) == (None,) * 4
    assert read_counters(tmp_path) == Counters()


def test_frequency_and_clock(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        {
            f"{CORES}/cpu0/cpufreq/scaling_governor": "powersave\n",
            f"{CORES}/cpu1/cpufreq/scaling_governor": "performance\n",
            f"{CORES}/cpu10/cpufreq/scaling_governor": "powersave\n",
            f"{CORES}/cpufreq/boost": "0\n",
            f"{CORES}/intel_pstate/no_turbo": "0\n",
            f"{CORES}/isolated": "2-3,6\n",
            f"{CORES}/smt/active": "1\n",
            f"{CLOCKS}/current_clocksource": "hpet\n",
            "proc/loadavg": "1.25 0.5 0.1 2/345 6789\n",
            "proc/meminfo": "MemTotal: 1000 kB\nSwapTotal: 3000 kB\nSwapFree: 1000 kB\n",
        },
    )
    machine = read_machine(root)
    assert machine.governors == ("performance", "powersave")
    assert machine.boost is True  # of an Intel driver its own word counts
    assert machine.cores_isolated == (2, 3, 6)
    assert machine.threads_share_cores is True
    assert machine.clock_source == "hpet"
    assert machine.load_1min == 1.25
    assert machine.swap_used_bytes == 2_000 * 1024


@pytest.mark.parametrize(("text", "boost"), [("1", True), ("0", False), ("?", None)])
def test_boost_of_other_drivers(tmp_path: Path, text: str, boost: bool | None) -> None:  # noqa: FBT001
    assert read_machine(system(tmp_path, {f"{CORES}/cpufreq/boost": text})).boost is boost


@pytest.mark.parametrize(("text", "cores"), [("", ()), ("1", (1,)), ("0-2", (0, 1, 2)), ("none", None), ("1-x", None)])
def test_isolated_cores(tmp_path: Path, text: str, cores: tuple[int, ...] | None) -> None:
    assert read_machine(system(tmp_path, {f"{CORES}/isolated": text})).cores_isolated == cores


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": "flags\t: fpu vme\n"}, "none"),
        ({"proc/cpuinfo": "flags\t: fpu hypervisor\n"}, "one that gives no name"),
        ({"proc/cpuinfo": "flags : hypervisor\n", f"{CLOCKS}/available_clocksource": "tsc kvm-clock"}, "KVM"),
        ({"proc/cpuinfo": "flags : hypervisor\n", f"{CLOCKS}/available_clocksource": "hyperv_clocksource"}, "Hyper-V"),
        ({"proc/cpuinfo": "flags : hypervisor\n", "sys/class/dmi/id/sys_vendor": "VMware, Inc.\n"}, "VMware, Inc."),
        ({"sys/hypervisor/type": "xen\n"}, "xen"),
        ({"proc/cpuinfo": "Features : fp\n", "proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "linux,kvm"),
        ({"proc/cpuinfo": "Features : fp\n"}, None),
    ],
)
def test_hypervisors(tmp_path: Path, files: dict[str, str], name: str | None) -> None:
    assert read_machine(system(tmp_path, files)).hypervisor == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({".dockerenv": ""}, "Docker"),
        ({"run/.containerenv": ""}, "Podman"),
        ({"proc/1/cgroup": "0::/kubepods.slice/pod1\n"}, "kubepods"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, "none"),
        ({}, None),
    ],
)
def test_containers(tmp_path: Path, files: dict[str, str], name: str | None) -> None:
    assert read_machine(system(tmp_path, files)).container == name


@pytest.mark.parametrize(
    ("files", "has", "cores"),
    [
        # Version 2: the strictest of the group and those above it.
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, False, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000"}, True, 1.5),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
                "sys/fs/cgroup/a/cpu.max": "50000 100000",
            },
            True,
            0.5,
        ),
        # In a container the path can be the host's.
        ({"proc/self/cgroup": "0::/docker/1f\n", "sys/fs/cgroup/cpu.max": "200000 100000"}, True, 2.0),
        # Version 1.
        (
            {
                "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "25000",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000",
            },
            True,
            0.25,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            False,
            None,
        ),
        ({"proc/self/cgroup": "0::/a\n"}, None, None),
        ({"proc/self/cgroup": "nonsense"}, None, None),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/cpu.max": "lots"}, False, None),
        ({"proc/self/cgroup": "0::/../../..\n", "sys/fs/cgroup/cpu.max": "100000 0"}, False, None),
    ],
)
def test_quotas(tmp_path: Path, files: dict[str, str], has: bool | None, cores: float | None) -> None:  # noqa: FBT001
    machine = read_machine(system(tmp_path, files))
    assert (machine.has_cpu_quota, machine.cpu_quota_cores) == (has, cores)


def test_counters(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        {
            "proc/stat": "cpu  100 1 20 800 5 0 4 70 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\nctxt 12345\nbtime 1\n",
            "proc/vmstat": "nr_free_pages 5\npswpin 7\npswpout 4\n",
            "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0 total=9\n",
            "proc/self/cgroup": "0::/a\n",
            "sys/fs/cgroup/a/cpu.stat": "usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n",
            "sys/fs/cgroup/cpu.stat": "usage_usec 5\n",
        },
    )
    assert read_counters(root) == Counters(70, 1_000, 12_345, 11, 1.5, 2.5)


def test_counters_of_version_1_and_of_old_kernels(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        {
            "proc/stat": "cpu  100 1 20 800\nctxt many\n",
            "proc/vmstat": "pswpin 7\n",
            "proc/self/cgroup": "1:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.stat": "nr_throttled 2\nthrottled_time 3000000000\n",
        },
    )
    assert read_counters(root) == Counters(throttled_s=3.0)
