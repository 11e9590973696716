DROP TABLE dispatch_turn;
DROP TABLE hosts;
DROP TABLE crawl_pages;
DROP TABLE failed_jobs;
DROP TABLE job_logs;
DROP TABLE result_parts;
DROP TABLE workers;
DROP TABLE jobs;
