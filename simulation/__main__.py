"""`make simulate`: runs the model, and writes its table into docs/scale.md."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from simulation.table import accepted
from tools.generated import fill
from tools.toolchain import ROOT

DOCUMENT = ROOT / "docs/scale.md"
RATES = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
SHARDS = (1, 2, 4, 8, 16)

Results = Mapping[int, Sequence[float]]


def simulate() -> Results:
    """Updates a second that are stored, for each number of shards, at each of RATES."""
    with ProcessPoolExecutor() as pool:
        stored = iter(list(pool.map(accepted, *zip(*product(RATES, SHARDS), strict=True))))
    by_rate = [[next(stored) for _ in SHARDS] for _ in RATES]
    return dict(zip(SHARDS, zip(*by_rate, strict=True), strict=True))


def table(results: Results) -> str:
    """The results as Markdown: what is stored, and what part of the offered updates is refused."""
    rows = ["| offered a second |" + "".join(f" {shards} shards |" for shards in results)]
    rows[0] = rows[0].replace(" 1 shards", " 1 shard")
    rows.append("|---:|" + "---:|" * len(results))
    for place, rate in enumerate(RATES):
        cells = (f" {line[place]:,.0f} ({1 - line[place] / rate:.0%}) |" for line in results.values())
        rows.append(f"| {rate:,} |" + "".join(cells))
    return "\n".join(rows)


def main() -> None:
    results = simulate()
    fill(DOCUMENT, {"simulation": table(results)})
    print(table(results))


if __name__ == "__main__":
    main()
