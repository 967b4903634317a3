"""Deployments with another number of shards each."""

from typing import NamedTuple

from storage.shards import Shards


class Deployment(NamedTuple):
    """What an operator wants, and what the functions then get."""

    wanted: int
    shards: Shards


#: One after the other. tests/functional/stacks/test_shards.py shows that Terraform hands out these numbers.
DEPLOYMENTS = [
    Deployment(1, Shards(1, 1)),
    Deployment(8, Shards(1, 8)),
    Deployment(8, Shards(8, 8)),
    Deployment(3, Shards(3, 8)),
    Deployment(1, Shards(1, 8)),
    Deployment(10, Shards(8, 10)),
    Deployment(10, Shards(10, 10)),
]
