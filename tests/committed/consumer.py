"""A process that consumes a subscription until it is killed. Arguments: RECORD_URL SYSTEM_URL ORGANIZATION MODE

It prints the sequence of each event it was given, and deals with it in no time. MODE `each` acknowledges every
event, `batch` relies on asking for more.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from octavo.feed.reader import Feed
from octavo.feed.subscriptions import Subscriptions
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import open_record
from octavo.settings import Settings

LEASE_SECONDS = 1.0


async def consume(url: str, system_url: str, organization: UUID, mode: str) -> None:
    record = await open_record(Settings(record=url, record_system=system_url))
    feed = Feed(record.app, Wakeup(record.app, record.listen), organization)
    subscriptions = Subscriptions(feed, lease_seconds=LEASE_SECONDS, retry_seconds=0.05)
    subscription = subscriptions.subscribe("consumer")
    async for event in subscription:
        sys.stdout.write(f"{event.sequence}\n")
        sys.stdout.flush()
        if mode == "each":
            await subscription.acknowledge(event)


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2], UUID(sys.argv[3]), sys.argv[4]))
