"""A Scrapy CrawlSpider that fetches, follows links and makes Markdown; a process of its own, told by arguments.

``python -m bench.peers.scrapy_crawl URL CONCURRENCY MAX_DEPTH MAX_PAGES`` writes one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

from bench.peers.extraction import markdown_of

if TYPE_CHECKING:
    from scrapy.http import Response


class ManualSpider(CrawlSpider):  # type: ignore[misc]  # scrapy is not installed where types are checked
    """Follows every link of the site, and none that leads away."""

    name = "manual"

    def __init__(self, start_url: str) -> None:
        here = LinkExtractor(allow_domains=[urlsplit(start_url).netloc])
        self.rules = (Rule(here, callback="take", follow=True),)
        super().__init__()
        self.start_urls = [start_url]
        self.pages = 0
        self.characters = 0

    def parse_start_url(self, response: Response, **_more: Any) -> list[Any]:
        """The first page is one like the others."""
        return self.take(response)

    def take(self, response: Response) -> list[Any]:
        """Make Markdown of a page."""
        self.pages += 1
        self.characters += len(markdown_of(response.body))
        return []


def main() -> None:
    """Crawl."""
    url, concurrency, max_depth, max_pages = sys.argv[1], *map(int, sys.argv[2:5])
    process = CrawlerProcess(
        {
            "CLOSESPIDER_PAGECOUNT": max_pages,
            "CONCURRENT_REQUESTS": concurrency,
            "CONCURRENT_REQUESTS_PER_DOMAIN": concurrency,
            "DEPTH_LIMIT": max_depth,
            "DOWNLOAD_DELAY": 0,
            "LOG_ENABLED": False,
            "ROBOTSTXT_OBEY": True,
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    crawler = process.create_crawler(ManualSpider)
    before = time.process_time()
    process.crawl(crawler, start_url=url)
    process.start()
    stats = crawler.stats.get_stats()
    seconds = (stats["finish_time"] - stats["start_time"]).total_seconds()
    figures = {
        "pages": crawler.spider.pages,
        "characters": crawler.spider.characters,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - before,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
