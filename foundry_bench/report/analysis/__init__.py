"""What is asked of a sweep: each module takes a summary and gives what tables and figures show."""
