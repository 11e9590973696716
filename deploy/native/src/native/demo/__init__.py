"""The main job, shown on a running stack: crawl, upload, find, fail, retry, delete."""
