"""`make simulate`: runs the model, and writes its table into docs/scale.md."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from simulation.table import accepted
from tools.generated import fill, table
from tools.toolchain import ROOT

DOCUMENT = ROOT / "docs/scale.md"
RATES = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
SHARDS = (1, 2, 4, 8, 16)

#: Updates a second that are stored, by those offered and the number of shards.
Results = Mapping[tuple[int, int], float]


def simulate() -> Results:
    """The results for each of RATES and of SHARDS."""
    cases = list(product(RATES, SHARDS))
    with ProcessPoolExecutor() as pool:
        return dict(zip(cases, pool.map(accepted, *zip(*cases, strict=True)), strict=True))


def describe(results: Results) -> str:
    """The results as Markdown: what is stored, and what part of the offered updates is refused."""
    rows = [
        [f"{rate:,}", *(f"{results[rate, n]:,.0f} ({1 - results[rate, n] / rate:.0%})" for n in SHARDS)]
        for rate in RATES
    ]
    return table(["offered a second", *(f"{n} shard{'s' * (n > 1)}" for n in SHARDS)], rows)


def main() -> None:
    text = describe(simulate())
    fill(DOCUMENT, {"simulation": text})
    print(text)


if __name__ == "__main__":
    main()
