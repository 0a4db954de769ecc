"""Reports over all papers: the claims page, tables, audits, and the schema of the configuration."""
