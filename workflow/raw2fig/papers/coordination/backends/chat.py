"""A request of the game as a chat of one message."""

from raw2fig.lm.client import Asked, Failure, Generated, Message
from raw2fig.papers.coordination import engine


def asked_of(request: engine.Request, max_tokens: int) -> Asked:
    """What the model is asked."""
    return Asked((Message("user", request.prompt),), request.seed, request.temperature, max_tokens, ())


def reply_of(answer: Generated | Failure) -> engine.Reply | engine.Failure:
    """What it has answered."""
    if isinstance(answer, Failure):
        return engine.Failure(answer.reason)
    return engine.Reply(answer.text, answer.finish_reason, answer.prompt_tokens, answer.completion_tokens)
