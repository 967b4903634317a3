"""The secrets that sources share with us, in Parameter Store."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from runtime.aws import AwsError
from shipments.errors import Unavailable

#: Seconds that what was read stays in use: so long an old secret is good after it was taken away.
CACHE: Final = 60


class Secrets:
    """Reads a SecureString for each source, which holds its secrets, a line each.

    While it cannot be read, those that were read last are good.

    Args:
        client: of Parameter Store.
        prefix: what the parameters' names begin with, before the source's name.
    """

    def __init__(self, client: Any, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._prefix, self._clock = client, prefix, clock
        self._known: dict[str, tuple[float, Sequence[str]]] = {}

    def of(self, source: str) -> Sequence[str]:
        """The secrets of a source, if it has any yet. Raises Unavailable if they were never read."""
        expires, secrets = self._known.get(source, (0.0, ()))
        if self._clock() >= expires:
            try:
                answer = self._client.get_parameters(Names=[f"{self._prefix}{source}"], WithDecryption=True)
                lines = [
                    line for parameter in answer["Parameters"] for line in parameter["Value"].splitlines()
                ]
                secrets = [line.strip() for line in lines if line.strip()]
            except AwsError as error:
                if not secrets:
                    raise Unavailable("the secret cannot be read") from error
            self._known[source] = (self._clock() + CACHE, secrets)
        return secrets
