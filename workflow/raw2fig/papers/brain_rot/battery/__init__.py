"""What models are measured with: questions, long contexts, instructions, refusals, traits, and why chains fail."""
