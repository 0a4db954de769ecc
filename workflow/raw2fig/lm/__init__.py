"""Language-model substrate: tiny models and tokenizers, hub models, fine-tuning, sampling, embedding."""
