"""What all papers share: claims table and report."""
