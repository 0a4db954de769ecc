"""Who answers: rules, the policies trained here, language models, endpoints, and stored transcripts."""
