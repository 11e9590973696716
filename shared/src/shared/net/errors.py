"""What the network side of a crawl can refuse before a byte is sent."""

from __future__ import annotations

from shared.errors import ErrorCode, WorkError


class BlockedAddressError(WorkError):
    """The host is, or resolves only to, addresses that may not be crawled."""

    def __init__(self, host: str) -> None:
        super().__init__(
            ErrorCode.BLOCKED_ADDRESS,
            f"{host} leads into a private or reserved network, which may not be crawled. "
            "An operator can allow networks with QUERN_CRAWL_ALLOW_NETWORKS.",
            retryable=False,
        )


class UnresolvedHostError(WorkError):
    """The name has no address, or the name servers did not answer in time."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            ErrorCode.UNREACHABLE, f"The host {host} could not be found: {reason}.", retryable=True
        )
