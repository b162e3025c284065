"""How accurate and how fast: programs that print one table and write one JSON each."""
