"""Language-model substrate: tiny models and tokenizers, hub models, fine-tuning, sampling, embedding."""

WARM = (
    "torch",
    "transformers:AutoModelForCausalLM",
    "transformers:AutoTokenizer",
    "transformers:GPTNeoXForCausalLM",
    "transformers:Trainer",
)
