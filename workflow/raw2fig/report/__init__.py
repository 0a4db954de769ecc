"""Reports over all papers: the page to look at first, tables, audits, and the schema of the configuration."""
