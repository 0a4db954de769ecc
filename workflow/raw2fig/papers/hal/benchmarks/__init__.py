"""The four benchmarks of laptop scale: real code repair, arithmetic with a calculator, a site, a service desk."""

from raw2fig.papers.hal.benchmarks import arithmetic, navigation, repair, service
from raw2fig.papers.hal.contract import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    one.BENCHMARK.name: one.BENCHMARK for one in (repair, arithmetic, navigation, service)
}
