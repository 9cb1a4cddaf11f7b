"""What records of `profile` become: a section on what models cost, and one on scenes."""
