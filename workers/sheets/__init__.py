"""Files of leads (CSV, XLSX): read in a child process, cleaned, and handed to the database in batches."""
