DROP TABLE held_pages, prunes;
